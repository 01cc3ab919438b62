from __future__ import annotations

from pathlib import Path

import nrrd
import numpy as np
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_volume


def test_an_nrrd_lies_where_its_header_says(tmp_path: Path) -> None:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag((0.5, 1.0, 2.0)),
        "space origin": np.array([1.0, 2.0, 3.0]),
    }
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nrrd.write(str(tmp_path / "a.nrrd"), voxels, header)
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.source_codes == ("L", "P", "S")
    assert volume.spacing == (2.0, 1.0, 0.5)
    assert volume.origin == (3.0, 2.0, 1.0)
    np.testing.assert_array_equal(volume.voxels, voxels.transpose(2, 1, 0))


def test_a_damaged_nrrd_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.nrrd").write_bytes(b"NRRD0004\ntype: short\n")
    with pytest.raises(ImageError, match="damaged"):
        read_volume(tmp_path / "bad.nrrd")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a NIfTI"):
        read_volume(tmp_path / "a.txt")


@pytest.mark.real_data
def test_a_real_nrrd_opens(real_data: Path) -> None:
    volume = read_volume(real_data / "lesion-mri" / "brain1_image.nrrd")
    assert sorted(volume.voxels.shape) == [25, 256, 256]
    assert volume.voxels.max() > 0
