"""What a reviewer provoked after the first fuzzing: each of these once hung, grew, lied or raised something else."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from pydicom.data import get_testdata_file

from napari_medgen.errors import ImageError, MedGenError, ModelError
from napari_medgen.imaging import decoding
from napari_medgen.imaging.decoding import DecodingProcess
from napari_medgen.imaging.files import read_radiograph, read_volume
from napari_medgen.models.checkpoints import named_tensors, read_checkpoint
from napari_medgen.models.pickles import Inert, UnreadablePickleError, read_pickle


def test_an_interrupted_decoding_leaves_no_answer_for_the_next_file(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Path(str(get_testdata_file(name))) for name in ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"))
    process = DecodingProcess()
    expected = process.decode(second, 8192)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_pixels", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.decode(first, 8192)
    np.testing.assert_array_equal(process.decode(second, 8192), expected)
    process.close()


@pytest.mark.parametrize("program", ["/bin/false", "/bin/echo"])
def test_a_program_that_is_no_python_is_said_so(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path(program).exists():
        pytest.skip("There is no such program here.")
    monkeypatch.setattr("sys.executable", program)
    with pytest.raises(ImageError, match="the process that decodes them does not start"):
        DecodingProcess().decode(Path("a.dcm"), 1)


@pytest.mark.parametrize("name", ["CT_small.dcm"])
def test_invalid_settings_are_not_blamed_on_the_image(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_IMAGE", "4GB")
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    for read, path in ((read_radiograph, Path(str(get_testdata_file(name)))), (read_volume, tmp_path / "a.nii")):
        with pytest.raises(MedGenError, match="settings file"):
            read(path)


def test_voxels_in_a_folder_below_are_beside(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.raw").write_bytes(bytes(8))
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: {}\n\n"
    for place in ("sub/x.raw", "./sub/x.raw"):
        (tmp_path / "a.nhdr").write_text(text.format(place))
        assert read_volume(tmp_path / "a.nhdr").voxels.shape == (2, 2, 2)


def test_extensions_end_before_the_voxels_begin(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[348] = 1
    for begin, size in ((0.0, 64), (384.0, 2**30), (384.0, -4)):
        content[108:112] = struct.pack("<f", begin)
        content[352:352] = struct.pack("<ii", size, 6)
        (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(content) + bytes(10_000_000)))
        with pytest.raises(ImageError, match="voxels begin"):
            read_volume(tmp_path / "b.nii.gz")


def test_a_sidecar_that_cannot_be_read_costs_nothing(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**25)
    assert read_volume(tmp_path / "a.nii").voxels.shape == (3, 3, 3)


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


@pytest.mark.parametrize("key", [b"((K\x01tt", b"(K\x01K\x02t", b"(K\x01K\x02\x91"])
def test_keys_whose_hash_is_known_beforehand_are_refused(key: bytes) -> None:
    with pytest.raises(UnreadablePickleError, match="key"):
        read_pickle(io.BytesIO(b"\x80\x04}" + key + b"K\x01s."))


def test_many_large_tensors_of_a_stylegan_pickle_are_not_copies(tmp_path: Path) -> None:
    from napari_medgen.models.checkpoints import read_bare_pickle

    buffer = io.BytesIO()
    torch.save(torch.zeros(70_000_000, dtype=torch.uint8).untyped_storage(), buffer, _use_new_zipfile_serialization=False)
    inner = buffer.getvalue()
    call = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R"
    held = read_bare_pickle(io.BytesIO(b"\x80\x03(" + call * 4 + b"l."), "a.pkl")
    assert len(held) == 4


def test_a_salt_is_hexadecimal(tmp_path: Path) -> None:
    from napari_medgen.errors import CohortError
    from napari_medgen.progression.cohort import ABOUT, open_cohort, save_cohort
    from progression_support import three_visit_cohort

    save_cohort(three_visit_cohort(), tmp_path / "cohort")
    about = json.loads((tmp_path / "cohort" / ABOUT).read_text())
    (tmp_path / "cohort" / ABOUT).write_text(json.dumps(about | {"salt": "zz"}))
    with pytest.raises(CohortError, match="says of itself"):
        open_cohort(tmp_path / "cohort")


def test_a_name_that_says_otherwise_is_said_so(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / "b.nii.gz")
    with pytest.raises(ImageError, match=r"is not compressed, whatever its name says: rename it to end in \.nii\."):
        read_volume(tmp_path / "b.nii.gz")
    (tmp_path / "c.nii").write_bytes(gzip.compress((tmp_path / "b.nii.gz").read_bytes()))
    with pytest.raises(ImageError, match=r"is compressed, whatever its name says: rename it to end in \.nii\.gz"):
        read_volume(tmp_path / "c.nii")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no pipes among files here.")
def test_pipes_are_not_read(tmp_path: Path) -> None:
    for name, read in (("a.nii", read_volume), ("a.dcm", read_radiograph), ("a.pt", read_checkpoint)):
        os.mkfifo(tmp_path / name)
        with pytest.raises(MedGenError, match="not an ordinary file"):
            read(tmp_path / name)
