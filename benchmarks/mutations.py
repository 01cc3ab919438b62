"""Good files, and how they are changed: bytes, headers, texts, pickles, cards and tables."""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import pickle
import shutil
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import bombs

KINDS = ("nifti", "nrrd", "png", "jpeg", "dicom", "compressed", "checkpoint", "snapshot", "model", "cohort", "bomb")
Make = Callable[[int, int], Path]

_NUMBERS = (0, 1, -1, 2, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, -(2**63))
_TEXTS = (b"0", b"-1", b"nan", b"inf", b"1e300", b"99999999999", b"1 2 3 4 5", b"", b"%s", b"\xff\xfe", b"((1,2)")
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2**31, 2**63, 1e300, 1e-300, math.nan, math.inf, True, None, "", "a", "../../x", "<script>", "9" * 5000,
    [], [1], [0, 0, 0], [math.nan] * 3, {}, {"a": 1},
)  # fmt: skip


def maker(kind: str, folder: Path) -> Make:
    """A function from seed and number to a changed file in a folder; the same file whenever it is asked."""
    if kind == "model":
        return _models(folder)
    if kind == "cohort":
        return _cohorts(folder)
    if kind == "bomb":
        return bombs.maker(folder)
    sources = _SOURCES[kind]()

    def make(seed: int, number: int) -> Path:
        random = Random(f"{kind} {seed} {number}")
        name, content = random.choice(sources)
        path = folder / name
        path.write_bytes(_CHANGES.get(kind, _change_bytes)(content, random))
        return path

    return make


# -- bytes ----------------------------------------------------------------------------------------------------------------


def _change_bytes(content: bytes, random: Random, begin: int = 0, end: int | None = None) -> bytes:
    """A few bytes changed, cut, doubled or replaced by a number or a text, between two places."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        last = max(begin + 1, min(len(changed), end or len(changed)))
        place = random.randrange(begin, last)
        what = random.randrange(7)
        if what == 0:
            changed[place : place + 1] = bytes([random.randrange(256)])
        elif what == 1 and place < len(changed):
            changed[place] ^= 1 << random.randrange(8)
        elif what == 2:
            number = random.choice(_NUMBERS)
            size, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
            changed[place : place + size] = (number & (2 ** (8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]
        elif what == 3:
            changed[place : place + random.choice((4, 8))] = struct.pack(
                random.choice("<>") + random.choice("fd"), random.choice((math.nan, math.inf, -1.0, 0.0, 1e30))
            )
        elif what == 4:
            del changed[place : place + random.choice((1, 2, 16, 1000))]
        elif what == 5:
            changed[place:place] = changed[place : place + random.choice((1, 8, 200))]
        else:
            changed[place : place + random.randrange(8)] = random.choice(_TEXTS)
    return bytes(changed)


def _header_first(size: int) -> Callable[[bytes, Random], bytes]:
    """Changes in the first bytes three times out of four, where a file says what it is."""

    def change(content: bytes, random: Random) -> bytes:
        return _change_bytes(content, random, 0, size if random.random() < 0.75 else None)

    return change


def _nifti(content: bytes, random: Random) -> bytes:
    packed = content[:2] == b"\x1f\x8b"
    if packed and random.random() < 0.8:
        return gzip.compress(_header_first(400)(gzip.decompress(content), random), 1)
    return _header_first(400)(content, random)


def _nrrd(content: bytes, random: Random) -> bytes:
    """The header's words replaced by others; the voxels seldom."""
    header, gap, voxels = content.partition(b"\n\n")
    lines = header.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(1, len(lines))
        key, colon, value = lines[place].partition(b":")
        words = value.split(b" ")
        words[random.randrange(len(words))] = random.choice(_TEXTS)
        lines[place] = key + colon + b" ".join(words)
    content = b"\n".join(lines) + gap + voxels
    return _change_bytes(content, random) if random.random() < 0.3 else content


def _png(content: bytes, random: Random) -> bytes:
    """A chunk changed, its checksum set right; our own notes among them."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    which = random.randrange(len(chunks))
    kind, data = chunks[which]
    if data.startswith(b"napari-medgen\0"):
        notes = json.loads(data.split(b"\0", 1)[1])
        data = b"napari-medgen\0" + json.dumps(_change_tree(notes, random)).encode()
    elif data:
        data = _change_bytes(data, random)
    chunks[which] = (kind, data)
    made = content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return _change_bytes(made, random) if random.random() < 0.1 else made


def _dicom(content: bytes, random: Random) -> bytes:
    return _change_bytes(content, random, 128, min(len(content), 3000) if random.random() < 0.85 else None)


def _compressed(content: bytes, random: Random) -> bytes:
    """Only the pixels' stream is changed: what a decoder has to survive."""
    begin = max(content.rfind(b"\xe0\x7f\x10\x00"), 0) + 12
    return _change_bytes(content, random, begin)


# -- trees of JSON --------------------------------------------------------------------------------------------------------


def _change_tree(tree: Any, random: Random) -> Any:
    """A tree with one to three of its leaves or branches replaced, taken away or deepened."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice((1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = []
        waiting = [tree]
        while waiting:
            branch = waiting.pop()
            items = branch.items() if isinstance(branch, dict) else enumerate(branch) if isinstance(branch, list) else ()
            for key, value in list(items):
                places.append((branch, key))
                waiting.append(value)
        if not places:
            return copy.deepcopy(random.choice(VALUES))
        branch, key = random.choice(places)
        if random.random() < 0.1:
            del branch[key]
        elif random.random() < 0.03:
            branch[key] = json.loads("[" * 500 + "]" * 500)
        else:
            branch[key] = copy.deepcopy(random.choice(VALUES))
    return tree


# -- pickles --------------------------------------------------------------------------------------------------------------


def _checkpoint(content: bytes, random: Random) -> bytes:
    """The pickle within an archive, or any byte of the file."""
    if content[:2] != b"PK" or random.random() < 0.3:
        return _change_bytes(content, random, 0, 4000 if random.random() < 0.7 else None)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name.endswith("data.pkl") or (random.random() < 0.05 and part):
                part = _change_bytes(part, random)
            target.writestr(name, part)
    return out.getvalue()


def _checkpoint_sources() -> list[tuple[str, bytes]]:
    import torch

    from napari_medgen.saliency.architecture import ResNetSizes
    from napari_medgen.saliency.network import ResNet

    torch.manual_seed(0)
    network = ResNet(ResNetSizes(depth=18, widths=(4, 4, 8, 8), classes=2, channels=1))
    content = {
        "state_dict": network.state_dict(),
        "hyper_parameters": {"cfg": {"model": {"downsample": [2, 2, 2]}}},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3}]},
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    found = []
    for name, zipped in (("zip.pt", True), ("legacy.pt", False)):
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
        found.append((name, buffer.getvalue()))
    return found


class _Persistent:
    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta


def _snapshot_sources() -> list[tuple[str, bytes]]:
    """A pickle as the official StyleGAN2-ADA writes it, made without its code."""
    import torch

    from napari_medgen.progression.architecture import StyleGANSizes
    from napari_medgen.progression.networks.stylegan import Generator

    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, _Persistent):
                return _reconstruct_persistent_obj, (obj.meta,)
            return NotImplemented

    def meta_of(network: torch.nn.Module, **more: Any) -> _Persistent:
        state = {
            "_parameters": OrderedDict(network._parameters),
            "_buffers": OrderedDict(network._buffers),
            "_modules": OrderedDict((name, meta_of(part)) for name, part in network._modules.items() if part is not None),
        }
        return _Persistent({"type": "class", "class_name": type(network).__name__, "state": state | more})

    sizes = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "img_channels": 1, "c_dim": 0}
    synthesis = {"channel_base": 32, "channel_max": 8, "conv_clamp": 256}
    own = StyleGANSizes(resolution=8, z_dim=8, w_dim=8, mapping_layers=2, channel_base=32, channel_max=8)
    kwargs = sizes | {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": synthesis}
    buffer = io.BytesIO()
    Pickler(buffer, 3).dump({"G_ema": meta_of(Generator(own), _init_kwargs=kwargs), "D": None})
    # The name in the pickle is ours; the official one has another module.
    ours = f"c{__name__}\n_reconstruct_persistent_obj\n".encode()
    return [("a.pkl", buffer.getvalue().replace(ours, b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"))]


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
    raise AssertionError("nothing of a pickle runs")


# -- folders --------------------------------------------------------------------------------------------------------------


def _models(folder: Path) -> Make:
    """Model folders: the card's tree changed, checksums set right where the weights are changed."""
    import hashlib

    from napari_medgen.models.catalogue import STARTER

    sources = [STARTER / name for name in ("hippocampus", "knee-kl", "knee-progression")]

    def make(seed: int, number: int) -> Path:
        random = Random(f"model {seed} {number}")
        source = random.choice(sources)
        target = folder / "model"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        card = json.loads((source / "model.json").read_text(encoding="utf-8"))
        for file in source.iterdir():
            if file.name in card["checksums"]:
                (target / file.name).symlink_to(file.resolve())
        if random.random() < 0.25:
            name = random.choice([name for name in card["checksums"] if name.endswith(".safetensors")])
            content = _change_bytes((source / name).read_bytes(), random, 0, random.choice((200, 5000, None)))
            (target / name).unlink()
            (target / name).write_bytes(content)
            card["checksums"][name] = hashlib.sha256(content).hexdigest()
        else:
            part = card if random.random() < 0.2 else card["architecture"]
            changed = _change_tree(part, random)
            card = changed if part is card else card | {"architecture": changed}
        text = json.dumps(card)
        (target / "model.json").write_bytes(
            _change_bytes(text.encode(), random) if random.random() < 0.05 else text.encode()
        )
        return target

    return make


def _cohorts(folder: Path) -> Make:
    """Cohort folders: bytes of the files, cells of the table, numbers of the latents, and what it says of itself."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet
    from safetensors.numpy import save

    from napari_medgen.progression.architecture import COHORT_LATENTS, COHORT_TABLE
    from napari_medgen.progression.cohort.cohort import Cohort
    from napari_medgen.progression.cohort.folder import ABOUT, save_cohort
    from napari_medgen.progression.cohort.visits import Visit

    visits = tuple(Visit(f"p{i // 2}", "L", f"p{i // 2}/L", 12.0 * (i % 2), None, i % 5, f"{i}.png") for i in range(8))
    latents = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    about = {"model": "m", "checksum": "a", "projection": {"method": "fast", "steps": 5, "space": "W", "seed": 303}}
    good = folder / "good"
    save_cohort(Cohort(visits, latents, np.full(8, 0.1, np.float32), about), good)

    def make(seed: int, number: int) -> Path:
        random = Random(f"cohort {seed} {number}")
        target = folder / "cohort"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(good, target)
        what = random.randrange(4)
        if what == 0:
            file = target / random.choice((COHORT_TABLE, COHORT_LATENTS))
            file.write_bytes(_change_bytes(file.read_bytes(), random))
        elif what == 1:
            file = target / ABOUT
            file.write_text(json.dumps(_change_tree(json.loads(file.read_text()), random)))
        elif what == 2:
            table = parquet.read_table(target / COHORT_TABLE)
            column = random.choice(table.column_names)
            value = random.choice([v for v in VALUES if not isinstance(v, list | dict) and v != 2**63])
            place = table.column_names.index(column)
            table = table.set_column(place, column, pa.array([value] * len(visits)))
            parquet.write_table(table, target / COHORT_TABLE)
        else:
            shape = random.choice(((8, 16), (8, 0), (0, 16), (7, 16), (8, 16, 2), (8,)))
            odd = np.full(shape, random.choice((0.0, math.nan, math.inf, 1e30)), random.choice(("f4", "f2", "f8", "i4")))
            (target / COHORT_LATENTS).write_bytes(save({random.choice(("w", "x")): odd}))
        return target

    return make


# -- sources --------------------------------------------------------------------------------------------------------------


def _shipped(module: str, folder: str, endings: tuple[str, ...], largest: int = 200_000) -> list[tuple[str, bytes]]:
    import importlib

    root = Path(str(importlib.import_module(module).__file__)).parent / folder
    files = sorted(path for path in root.iterdir() if path.name.endswith(endings) and path.stat().st_size < largest)
    return [("a" + next(e for e in endings if file.name.endswith(e)), file.read_bytes()) for file in files]


def _nifti_sources() -> list[tuple[str, bytes]]:
    import numpy as np

    from napari_medgen.imaging import Provenance, Volume
    from napari_medgen.imaging.nifti import write_nifti

    return _written(
        "a.nii.gz", lambda path: write_nifti(
            Volume.of(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4), provenance=Provenance(synthetic=True)), path
        )
    ) + _shipped("nibabel", "tests/data", (".nii", ".nii.gz"))  # fmt: skip


def _nrrd_sources() -> list[tuple[str, bytes]]:
    import nrrd
    import numpy as np

    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    header = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": [0, 0, 0]}
    found = []
    for encoding in ("raw", "gzip", "bzip2", "ascii"):
        found += _written("a.nrrd", lambda path, e=encoding: nrrd.write(str(path), voxels, header | {"encoding": e}))  # type: ignore[misc]
    return found


def _raster_sources(ending: str) -> Callable[[], list[tuple[str, bytes]]]:
    def sources() -> list[tuple[str, bytes]]:
        import numpy as np
        from PIL import Image

        from napari_medgen.imaging.radiograph import Radiograph
        from napari_medgen.imaging.raster import write_png

        random = np.random.default_rng(0)
        grey, colour = random.integers(0, 255, (24, 20), np.uint8), random.integers(0, 255, (24, 20, 3), np.uint8)
        found = _written(f"a{ending}", lambda path: Image.fromarray(grey).save(path))
        found += _written(f"a{ending}", lambda path: Image.fromarray(colour).save(path))
        if ending == ".png":
            own = Radiograph(grey.astype(np.uint16) * 200, (0, 60_000), spacing=(0.2, 0.3), laterality="L")
            found += _written("a.png", lambda path: write_png(own, path)) * 3
        return found

    return sources


def _written(name: str, write: Callable[[Path], object]) -> list[tuple[str, bytes]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return [(name, (Path(folder) / name).read_bytes())]


def _dicom_sources(*, compressed: bool) -> Callable[[], list[tuple[str, bytes]]]:
    def sources() -> list[tuple[str, bytes]]:
        import io

        import pydicom

        found = []
        for name, content in _shipped("pydicom", "data/test_files", (".dcm",)):
            try:
                data = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
                if data.file_meta.TransferSyntaxUID.is_compressed == compressed and "Rows" in data:
                    found.append((name, content))
            except Exception:
                continue
        return found

    return sources


_SOURCES: dict[str, Callable[[], list[tuple[str, bytes]]]] = {
    "nifti": _nifti_sources,
    "nrrd": _nrrd_sources,
    "png": _raster_sources(".png"),
    "jpeg": _raster_sources(".jpg"),
    "dicom": _dicom_sources(compressed=False),
    "compressed": _dicom_sources(compressed=True),
    "checkpoint": _checkpoint_sources,
    "snapshot": _snapshot_sources,
}
_CHANGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "nifti": _nifti,
    "nrrd": _nrrd,
    "png": _png,
    "jpeg": _header_first(700),
    "dicom": _dicom,
    "compressed": _compressed,
    "checkpoint": _checkpoint,
    "snapshot": _change_bytes,
}
