from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.checkpoints import plain, read_checkpoint


class Hostile:
    """Would write a file while it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"echo caught > {self.target}",)


class HostileEval:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return eval, (f"__import__('pathlib').Path({str(self.target)!r}).write_text('caught')",)


def test_tensors_and_plain_values_come_through(tmp_path: Path) -> None:
    counts: defaultdict[str, int] = defaultdict(int)
    counts["a"] = 1
    content = {
        "state": OrderedDict(w=torch.arange(6.0).view(2, 3), h=torch.ones(2, dtype=torch.float16)),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "size": torch.Size([1, 2]),
        "step": 7,
        "names": ["a", ("b", None)],
        "counts": counts,
    }
    torch.save(content, tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt")
    torch.testing.assert_close(read["state"]["w"], content["state"]["w"])
    assert read["state"]["h"].dtype == torch.float16
    assert (read["step"], read["names"], read["counts"]["a"]) == (7, ["a", ("b", None)], 1)


@pytest.mark.parametrize("kind", [Hostile, HostileEval])
def test_a_hostile_pickle_is_refused_and_nothing_is_run(tmp_path: Path, kind: Any) -> None:
    target = tmp_path / "written"
    torch.save({"state_dict": {"w": torch.zeros(1)}, "payload": kind(target)}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"asks to run .*refused and nothing was run"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not target.exists()
    # The attack is real: the ordinary way runs it.
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert target.exists()


@pytest.mark.parametrize(
    "name", ["torch.load", "builtins.getattr", "torch.jit._load", "subprocess.Popen", "torch.nn.Module"]
)
def test_no_other_name_is_resolved(tmp_path: Path, name: str) -> None:
    module, attribute = name.rsplit(".", 1)
    code = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b"."
    torch.save({}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w") as out:
        for item in source.namelist():
            out.writestr(item, code if item.endswith("data.pkl") else source.read(item))
    with pytest.raises(ModelError, match="refused"):
        read_checkpoint(tmp_path / "b.pt")


def test_configuration_classes_are_inert(tmp_path: Path) -> None:
    from argparse import Namespace

    torch.save({"options": Namespace(rate=3, names=["x"])}, tmp_path / "a.pt")
    assert plain(read_checkpoint(tmp_path / "a.pt")["options"]) == {"rate": 3, "names": ["x"]}


def test_other_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        read_checkpoint(tmp_path / "absent.pt")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match=r"not a checkpoint that PyTorch 1\.6"):
        read_checkpoint(tmp_path / "plain.pkl")
    torch.save({"a": torch.zeros(1000)}, tmp_path / "cut.pt")
    with zipfile.ZipFile(tmp_path / "half.pt", "w") as out:
        out.writestr("archive/data.pkl", b"\x80\x02")
    with pytest.raises(ModelError, match="damaged"):
        read_checkpoint(tmp_path / "half.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelError, match="no named entries"):
        read_checkpoint(tmp_path / "list.pt")
