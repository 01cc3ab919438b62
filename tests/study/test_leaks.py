"""What tells real from synthetic without a look at the image is found, and a study that is made here has none of it."""

from __future__ import annotations

import os
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_medgen.study.case_table import NewCase
from napari_medgen.study.leaks import find_leaks
from napari_medgen.study.study import Study
from study_support import MakeStudy, a_volume


def leaks(study: Study) -> list[str]:
    return list(find_leaks(study.folder, study.protocol, study.key()))


def real_of(study: Study) -> dict[str, bool]:
    key = study.key()
    assert key is not None
    return {case.image: key.truth(case.id, "real") for case in study.protocol.cases}


def volumes(change: str, count: int = 16) -> list[NewCase]:
    """Sixteen volumes, of which the synthetic ones differ in one way."""
    out = []
    for n in range(count):
        volume = a_volume(n)
        if n % 2:
            voxels = volume.voxels
            if change == "shape":
                volume = a_volume(n, (8, 10, 13))
            elif change == "values":
                volume = replace(volume, voxels=voxels * 2)
            elif change == "depth":
                volume = replace(volume, voxels=voxels.astype(np.float32))
            elif change == "steps":
                volume = replace(volume, voxels=(voxels // 100 * 100).astype(np.int16))
            elif change == "spacing":
                volume = replace(a_volume(n), affine=volume.affine @ np.diag([1.001, 1, 1, 1]))
            elif change == "place":
                affine = volume.affine.copy()
                affine[0, 3] += 5
                volume = replace(volume, affine=affine)
        out.append(NewCase(volume, {"real": n % 2 == 0}))
    return out


def test_a_study_that_was_made_here_tells_nothing(make_study: MakeStudy) -> None:
    assert leaks(make_study(cases=volumes(""))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("shape", "the shape tells the answer to real"),
        ("values", "the highest grey value tells the answer to real"),
        ("depth", "the bit depth tells the answer to real"),
        ("steps", "how many grey values there are tells the answer to real"),
        ("spacing", "the spacing tells the answer to real"),
        ("place", "the place in space tells the answer to real"),
    ],
)
def test_what_tells_them_apart_is_named(change: str, says: str, make_study: MakeStudy) -> None:
    assert says in leaks(make_study(cases=volumes(change)))


def test_files_tell_by_size_date_name_kind_and_text(make_study: MakeStudy) -> None:
    study = make_study(cases=volumes(""))
    text = (study.folder / "protocol.yaml").read_text()
    for file, real in real_of(study).items():
        path = study.folder / file
        if real:
            os.utime(path, (1_700_000_000, 1_700_000_000))
            continue
        renamed = f"images/sample_{path.stem}.nii.gz"
        nib.save(nib.load(path), study.folder / renamed)
        path.unlink()
        text = text.replace(file, renamed)
    (study.folder / "protocol.yaml").write_text(text)
    found = leaks(Study.open(study.folder))
    for what in ("the size of the file", "the date of the file", "the kind of file", "the name of the file"):
        assert f"{what} tells the answer to real" in found


def test_the_order_and_the_names_of_cases_are_looked_at(make_study: MakeStudy) -> None:
    study = make_study(cases=volumes(""))
    key = study.key()
    assert key is not None
    cases = sorted(study.protocol.cases, key=lambda case: key.truth(case.id, "real"))
    order = study.protocol.order.model_copy(update={"kind": "fixed"})
    protocol = study.protocol.model_copy(update={"cases": tuple(cases), "order": order})
    assert list(find_leaks(study.folder, protocol, key)) == ["the order of the cases tells the answer to real"]
    named = {case.id: f"{'real' if key.truth(case.id, 'real') else 'fake'}-{n}" for n, case in enumerate(cases)}
    renamed = tuple(case.model_copy(update={"id": named[case.id]}) for case in cases)
    other = key.model_copy(update={"cases": {named[name]: case for name, case in key.cases.items()}})
    protocol = study.protocol.model_copy(update={"cases": renamed})
    assert list(find_leaks(study.folder, protocol, other)) == ["the names of the cases tell the answer to real"]


def test_groups_that_tell_are_named(make_study: MakeStudy) -> None:
    cases = [replace(case, group="one" if case.truth["real"] else "two") for case in volumes("")]
    assert leaks(make_study(cases=cases)) == ["the groups of the cases tell the answer to real"]


def test_few_cases_and_chance_are_no_leak(make_study: MakeStudy) -> None:
    assert leaks(make_study(cases=volumes("values", 6))) == []  # three against three part by chance in one of ten studies


def test_models_are_not_told_by_their_maps(make_study: MakeStudy) -> None:
    rng = np.random.default_rng(0)

    def cases(strength: float) -> list[NewCase]:
        maps = [
            {arm: rng.normal(0, 0.2, (8, 10, 12)).clip(-0.9, 0.9) * (strength if arm == "b" else 1.0) for arm in "abc"}
            for _ in range(8)
        ]
        return [NewCase(a_volume(n), maps=one) for n, one in enumerate(maps)]

    assert leaks(make_study("saliency", cases(1.0), folder="alike")) == []
    found = leaks(make_study("saliency", cases(0.1), folder="unlike"))
    assert "the highest grey value tells the arm, by its overlays" in found
