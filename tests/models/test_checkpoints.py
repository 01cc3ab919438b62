"""Checkpoints of somebody else: read by one parser, from the bytes that are stored."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_medgen.errors import ModelError
from napari_medgen.models.checkpoints import named_tensors, plain, read_bare_pickle, read_checkpoint
from napari_medgen.models.inert import Inert, UnreadablePickleError

both = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(content: Any, path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


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


@both
def test_tensors_and_plain_values_come_through(tmp_path: Path, zipped: bool) -> None:
    counts: defaultdict[str, int] = defaultdict(int)
    counts["a"] = 1
    content = {
        "state": OrderedDict(w=torch.arange(6.0).view(2, 3), h=torch.ones(2, dtype=torch.float16)),
        "parameter": nn.Parameter(torch.ones(2)),
        "size": torch.Size([1, 2]),
        "step": 7,
        "names": ["a", ("b", None)],
        "counts": counts,
    }
    read = read_checkpoint(save(content, tmp_path / "a.pt", zipped))
    torch.testing.assert_close(read["state"]["w"], content["state"]["w"])
    assert read["state"]["h"].dtype == torch.float16
    assert (read["step"], read["names"], read["counts"]["a"]) == (7, ["a", ("b", None)], 1)
    assert read["size"] == (1, 2)
    torch.testing.assert_close(read["parameter"], torch.ones(2))


@both
@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
     torch.uint8, torch.bool, torch.complex64],
)  # fmt: skip
def test_every_type_of_numbers(tmp_path: Path, zipped: bool, dtype: torch.dtype) -> None:
    tensor = (torch.randn(3, 4) * 10).to(dtype)
    read = read_checkpoint(save({"t": tensor, "turned": tensor.T, "part": tensor[1:, ::2]}, tmp_path / "a.pt", zipped))
    assert read["t"].dtype == dtype
    assert torch.equal(read["t"], tensor)
    assert torch.equal(read["turned"], tensor.T)
    assert torch.equal(read["part"], tensor[1:, ::2])


@both
def test_shapes_without_numbers_and_layouts(tmp_path: Path, zipped: bool) -> None:
    content = {
        "none": torch.empty(0, 3),
        "one": torch.tensor(3.0),
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "wide": torch.ones(1, 3).expand(4, 3),
    }
    read = read_checkpoint(save(content, tmp_path / "a.pt", zipped))
    assert all(torch.equal(read[name], tensor) for name, tensor in content.items())


@both
def test_a_network_that_was_saved_whole_is_read_by_its_names(tmp_path: Path, zipped: bool) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    read = read_checkpoint(save(network, tmp_path / "a.pt", zipped))
    found = named_tensors(read)
    assert {name.removeprefix("module.") for name in found} == set(network.state_dict())
    assert torch.equal(found["module.0.weight"], network[0].weight)


@both
@pytest.mark.parametrize("kind", [Hostile, HostileEval])
def test_nothing_of_a_hostile_pickle_is_run(tmp_path: Path, kind: Any, zipped: bool) -> None:
    target = tmp_path / "written"
    save({"state_dict": {"w": torch.zeros(1)}, "payload": kind(target)}, tmp_path / "evil.pt", zipped)
    read = read_checkpoint(tmp_path / "evil.pt")
    assert torch.equal(read["state_dict"]["w"], torch.zeros(1))
    assert isinstance(read["payload"], Inert)
    assert not target.exists()
    # The attack is real: the ordinary way runs it.
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert target.exists()


def test_a_hostile_object_in_the_place_of_the_weights_is_no_checkpoint(tmp_path: Path) -> None:
    save(Hostile(tmp_path / "written"), tmp_path / "evil.pt")
    with pytest.raises(ModelError, match="no named entries"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "written").exists()


def test_a_smuggled_program_is_not_run(tmp_path: Path) -> None:
    """Python's zipfile takes the last central directory and PyTorch's reader another: a check by one fools the other."""
    save({"w": torch.zeros(1)}, tmp_path / "harmless.pt")
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), str(tmp_path / "program.pt"))
    with pytest.raises(ModelError, match="TorchScript"):
        read_checkpoint(tmp_path / "program.pt")
    # One file, two archives: whatever is read, it is read by the reader that decides what it is.
    joined = (tmp_path / "program.pt").read_bytes() + (tmp_path / "harmless.pt").read_bytes()
    (tmp_path / "joined.pt").write_bytes(joined)
    assert set(read_checkpoint(tmp_path / "joined.pt")) == {"w"}


def test_torch_load_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save({"w": torch.ones(2)}, tmp_path / "a.pt", False)
    for name in ("torch.load", "torch.jit.load", "pickle.load", "pickle.loads", "pickle.Unpickler"):
        monkeypatch.setattr(name, lambda *args, **kwargs: pytest.fail("somebody else's reader was asked"))
    assert torch.equal(read_checkpoint(tmp_path / "a.pt")["w"], torch.ones(2))


def test_configuration_classes_are_inert(tmp_path: Path) -> None:
    from argparse import Namespace

    save({"options": Namespace(rate=3, names=["x"])}, tmp_path / "a.pt")
    assert plain(read_checkpoint(tmp_path / "a.pt")["options"]) == {"rate": 3, "names": ["x"]}


def test_a_configuration_that_holds_itself_or_repeats_itself_ends() -> None:
    turns: dict[str, Any] = {}
    turns["again"] = turns
    assert plain(turns)
    laughs: Any = "ha"
    for _ in range(40):
        laughs = [laughs] * 10
    plain({"laughs": laughs})


@pytest.mark.parametrize(
    ("size", "stride"),
    [((3,), (1,)), ((2, 2), (2, 2)), ((-1,), (1,)), ((2**40,), (1,)), ((2,), (2**62,)), ((2,), (-1,)), ((2, 1), (1,))],
)
def test_a_tensor_never_looks_beyond_its_numbers(tmp_path: Path, size: Any, stride: Any) -> None:
    class Reaching:
        def __reduce_ex__(self, protocol: Any) -> Any:
            storage = torch.zeros(2).untyped_storage()
            return torch._utils._rebuild_tensor_v2, (torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32,
                _internal=True), 0, size, stride, False, OrderedDict())  # fmt: skip

    save({"w": Reaching()}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"damaged|asks for"):
        read_checkpoint(tmp_path / "a.pt")


def test_what_many_views_of_few_numbers_would_take_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save({"w": torch.zeros(1).expand(100_000_000)}, tmp_path / "a.pt")
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_MODEL", "0.3")
    with pytest.raises(ModelError, match=r"a\.pt asks for 400\.0 MB of memory; 300\.0 MB are allowed \(largest_model"):
        read_checkpoint(tmp_path / "a.pt")


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save({"w": torch.zeros(5_000_000)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as out:
        for item in source.namelist():
            out.writestr(item, source.read(item))
    assert (tmp_path / "b.pt").stat().st_size < 100_000
    assert torch.equal(read_checkpoint(tmp_path / "b.pt")["w"], torch.zeros(5_000_000))
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_MODEL", "0.01")
    with pytest.raises(ModelError, match=r"asks for 20\.0 MB"):
        read_checkpoint(tmp_path / "b.pt")


def test_other_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        read_checkpoint(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match="is a folder"):
        read_checkpoint(tmp_path)
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match="not a checkpoint that PyTorch wrote"):
        read_checkpoint(tmp_path / "plain.pkl")
    (tmp_path / "text.pt").write_bytes(b"hello")
    with pytest.raises(ModelError, match="not a checkpoint that PyTorch wrote"):
        read_checkpoint(tmp_path / "text.pt")
    with zipfile.ZipFile(tmp_path / "half.pt", "w") as out:
        out.writestr("archive/data.pkl", b"\x80\x02")
    with pytest.raises(ModelError, match="damaged"):
        read_checkpoint(tmp_path / "half.pt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as out:
        out.writestr("readme.txt", b"hello")
    with pytest.raises(ModelError, match="not one that PyTorch wrote"):
        read_checkpoint(tmp_path / "other.zip")
    save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelError, match="no named entries"):
        read_checkpoint(tmp_path / "list.pt")
    (tmp_path / "old.tar").write_bytes(b"\0" * 257 + b"ustar" + b"\0" * 300)
    with pytest.raises(ModelError, match="tar format"):
        read_checkpoint(tmp_path / "old.tar")


@both
def test_a_file_that_ends_early_is_damaged(tmp_path: Path, zipped: bool) -> None:
    whole = save({"w": torch.randn(64)}, tmp_path / "a.pt", zipped).read_bytes()
    for length in range(20, len(whole) - 1, max(1, len(whole) // 40)):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_checkpoint(tmp_path / "cut.pt")


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(3)}, tmp_path / "a.safetensors")
    assert torch.equal(read_checkpoint(tmp_path / "a.safetensors")["w"], torch.ones(3))
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-4])
    with pytest.raises(ModelError, match="safetensors"):
        read_checkpoint(tmp_path / "b.safetensors")


def test_numbers_of_a_machine_with_the_other_byte_order(tmp_path: Path) -> None:
    save({"w": torch.tensor([1.0, -2.5])}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w") as out:
        for item in source.namelist():
            content = source.read(item)
            if item.endswith("/byteorder"):
                content = b"big"
            if "/data/" in item:
                content = struct.pack(">2f", *struct.unpack("<2f", content))
            out.writestr(item, content)
    assert torch.equal(read_checkpoint(tmp_path / "b.pt")["w"], torch.tensor([1.0, -2.5]))


def test_a_checkpoint_within_a_checkpoint_within_a_checkpoint_ends() -> None:
    from napari_medgen.models.checkpoints import read_legacy
    from napari_medgen.models.inert import UnreadablePickleError

    with pytest.raises(UnreadablePickleError, match="in a file"):
        read_legacy(io.BytesIO(b""), "a.pt", depth=9)


def test_a_member_that_unpacks_to_more_than_it_says_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(4)}, tmp_path / "a.pt")
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w", kind) as out:
            for item in source.namelist():
                out.writestr(item, source.read(item))
        with pytest.raises(ModelError, match="not one that PyTorch wrote"):
            read_checkpoint(tmp_path / "b.pt")


def test_networks_that_hold_themselves_end() -> None:
    whole = Inert(state={"_parameters": {}, "_buffers": {}})
    whole.state["_modules"] = whole
    assert named_tensors({"m": whole}) == {}
    whole.state["_modules"] = {"again": whole, "w": torch.ones(1)}
    assert list(named_tensors({"m": whole})) == ["m.w"]


def test_many_large_tensors_of_a_stylegan_pickle_are_not_copies(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(torch.zeros(70_000_000, dtype=torch.uint8).untyped_storage(), buffer, _use_new_zipfile_serialization=False)
    inner = buffer.getvalue()
    call = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R"
    held = read_bare_pickle(io.BytesIO(b"\x80\x03(" + call * 4 + b"l."), "a.pkl")
    assert len(held) == 4


def archive(path: Path, program: bytes, numbers: bytes = bytes(16)) -> Path:
    """A checkpoint whose pickle is written by hand; one storage of single-precision numbers."""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a/data.pkl", program)
        out.writestr("a/data/0", numbers)
    return path


_STORED = b"((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ"


@pytest.mark.parametrize("large", [2**62, 2**70, -1])
@pytest.mark.parametrize("place", ["offset", "size", "stride"])
def test_numbers_of_a_shape_that_no_machine_knows_are_refused(tmp_path: Path, place: str, large: int) -> None:
    offset, size, stride = (
        b"L%dL\n" % (large if place == name else n) for name, n in (("offset", 0), ("size", 2), ("stride", 1))
    )
    call = b"ctorch._utils\n_rebuild_tensor_v2\n" + _STORED + offset + b"(" + size + b"t(" + stride + b"ttR"
    with pytest.raises(ModelError, match=r"impossible shape|beyond its numbers"):
        read_checkpoint(archive(tmp_path / "a.pt", b"\x80\x02}U\x01w" + call + b"s."))


def test_names_that_grow_on_their_way_are_left_out() -> None:
    long = "a" * 1500
    assert list(named_tensors({long: {long: {long: torch.ones(1)}}, "b" * 3000: torch.ones(1), "w": torch.ones(1)})) == ["w"]


def test_few_numbers_under_many_names_are_counted_as_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medgen.models.weights import weights_named

    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_MODEL", "0.001")
    shared = torch.zeros(1).expand(100_000)
    with pytest.raises(ModelError, match="largest_model"):
        weights_named({"w": shared} | {f"x{i}": shared for i in range(3)}, ["w"])


def test_files_in_a_file_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_medgen.models.checkpoints._MOST_FILES_WITHIN", 3)
    buffer = io.BytesIO()
    torch.save(torch.zeros(1).untyped_storage(), buffer, _use_new_zipfile_serialization=False)
    call = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(buffer.getvalue())) + buffer.getvalue() + b"\x85R"
    assert len(read_bare_pickle(io.BytesIO(b"\x80\x03(" + call * 3 + b"l."), "a.pkl")) == 3
    with pytest.raises(UnreadablePickleError, match="without bytes"):
        read_bare_pickle(io.BytesIO(b"\x80\x03(" + call * 4 + b"l."), "a.pkl")
