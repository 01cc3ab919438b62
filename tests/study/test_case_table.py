"""Cases from tables and folders into a study."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medgen.errors import ImageError, StudyError
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.study.case_table import import_cases, read_case_table
from napari_medgen.study.protocol_file import with_entry
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.templating import protocol_text
from study_support import MakeStudy, a_volume, read_all, run


def empty_study(folder: Path, template: str = "turing") -> Study:
    folder.mkdir()
    (folder / PROTOCOL).write_text(protocol_text(template, "test", ["R1"], 5))
    return Study.open(folder)


def a_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    names = dict.fromkeys(name for row in rows for name in row)
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(names))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "cases.csv"


def pictures(folder: Path, count: int) -> list[str]:
    for n in range(count):
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (20, 24)).astype(np.uint8)).save(
            folder / f"MILLER_{n}.png"
        )
    return [f"MILLER_{n}.png" for n in range(count)]


def test_a_table_becomes_cases_with_their_truth_in_the_key(tmp_path: Path) -> None:
    names = pictures(tmp_path, 4)
    truths = ["yes", "No", "1", "false"]
    table = a_table(
        tmp_path, [{"image": name, "truth": truth, "group": "g1"} for name, truth in zip(names, truths, strict=True)]
    )
    study = empty_study(tmp_path / "study")
    study = run(import_cases(study, read_case_table(table, study.protocol)))
    assert len(study.protocol.cases) == 4
    key = study.key()
    assert key is not None
    assert {case.source: case.truth["real"] for case in key.cases.values()} == dict(
        zip(names, [True, False, True, False], strict=True)
    )
    assert {case.group for case in study.protocol.cases} == {"g1"}
    written = sorted(path.name for path in (study.folder / "images").iterdir())
    assert len(written) == 4
    assert not any("MILLER" in name for name in written)
    assert "MILLER" not in (study.folder / PROTOCOL).read_text()
    assert "# Real or synthetic" in (study.folder / PROTOCOL).read_text()  # the remarks of the template are there still


def test_a_folder_becomes_cases_whose_order_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    pictures(tmp_path / "images", 9)
    orders = set()
    for n in range(3):
        study = empty_study(tmp_path / f"study{n}")
        study = run(import_cases(study, read_case_table(tmp_path / "images", study.protocol)))
        key = study.key()
        assert key is not None
        orders.add(tuple(key.cases[name].source for name in sorted(key.cases)))
    assert len(orders) == 3


def test_training_aids_and_arms_come_from_columns(tmp_path: Path) -> None:
    first, second, third = pictures(tmp_path, 3)
    study = empty_study(tmp_path / "paired", "progression")
    table = a_table(tmp_path, [{"image": first, "aid": second, "truth.fast": "yes", "training": "yes"}])
    study = run(import_cases(study, read_case_table(table, study.protocol)))
    (case,) = study.protocol.cases
    assert case.training
    assert case.truth == {"fast": True}
    assert case.aid.startswith("aids/")
    saliency = empty_study(tmp_path / "saliency", "saliency")
    table = a_table(tmp_path, [{"image": first, "overlay.a": second, "overlay.b": third, "image.c": second}])
    saliency = run(import_cases(saliency, read_case_table(table, saliency.protocol)))
    (case,) = saliency.protocol.cases
    assert set(case.overlays) == {"a", "b"}
    assert set(case.images) == {"c"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"file name": "x.png"}, "no column image"),
        ({"image": "gone.png"}, "line 2: gone.png does not exist"),
        ({"image": ""}, "line 2: no file is named"),
        ({"image": "MILLER_0.png", "truth": "perhaps"}, "line 2: perhaps cannot be: an answer to real is yes or no"),
        ({"image": "MILLER_0.png", "thruth": "yes"}, "has a column thruth; there can be: .*truth"),
        ({"image": "MILLER_0.png", "aid": "gone.png"}, "line 2: gone.png does not exist"),
    ],
)
def test_a_mistake_is_named_by_its_line(row: dict[str, str], says: str, tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    study = empty_study(tmp_path / "study")
    with pytest.raises(StudyError, match=says):
        read_case_table(a_table(tmp_path, [row]), study.protocol)


def test_an_image_that_cannot_be_read_leaves_the_study_as_it_was(tmp_path: Path) -> None:
    names = pictures(tmp_path, 2)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    study = empty_study(tmp_path / "study")
    before = (study.folder / PROTOCOL).read_bytes()
    table = a_table(tmp_path, [{"image": name} for name in (*names, "broken.png")])
    with pytest.raises(ImageError, match="broken"):
        run(import_cases(study, read_case_table(table, study.protocol)))
    assert (study.folder / PROTOCOL).read_bytes() == before
    assert not list(study.folder.glob("images/*"))
    assert not study.key_file.exists()


def test_cases_that_come_later_make_a_new_version_and_move_nothing(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    session = study.session("R1")
    read_all(session, cases=2)
    order = session.trials
    session.close()
    (tmp_path / "more").mkdir()
    for n in (50, 51):
        write_nifti(a_volume(n), tmp_path / "more" / f"{n}.nii.gz")
    later = run(import_cases(study, read_case_table(tmp_path / "more", study.protocol)))
    assert later.protocol.version == 2
    assert len(later.protocol.cases) == 8
    again = later.session("R1")
    assert again.trials[:6] == order
    assert len(again.trials) == 8
    assert again.progress.done == 2
    again.close()


def test_volumes_can_be_matched_on_the_way_in(tmp_path: Path) -> None:
    for n, shape in enumerate([(8, 10, 12), (20, 18, 16)]):
        write_nifti(a_volume(n, shape), tmp_path / f"{n}.nii.gz")
    study = empty_study(tmp_path / "study")
    table = a_table(tmp_path, [{"image": f"{n}.nii.gz"} for n in range(2)])
    study = run(import_cases(study, read_case_table(table, study.protocol), matched=True))
    shapes = {nib.load(study.folder / case.image).shape for case in study.protocol.cases}
    assert len(shapes) == 1


def test_cases_are_added_where_the_key_is(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    study.key_file.unlink()
    write_nifti(a_volume(50), tmp_path / "50.nii.gz")
    table = a_table(tmp_path, [{"image": "50.nii.gz"}])
    with pytest.raises(StudyError, match=r"truth.yaml is not here"):
        run(import_cases(study, read_case_table(table, study.protocol)))


def test_an_order_that_is_fixed_is_the_tables(tmp_path: Path) -> None:
    names = pictures(tmp_path, 8)
    study = empty_study(tmp_path / "study")
    path = study.folder / PROTOCOL
    path.write_text(with_entry(path.read_text(), "order", {"kind": "fixed"}))
    study = Study.open(study.folder)
    rows = [{"image": name, "training": "yes" if n in (5, 3) else ""} for n, name in enumerate(names)]
    study = run(import_cases(study, read_case_table(a_table(tmp_path, rows), study.protocol)))
    key = study.key()
    assert key is not None
    shown = [key.cases[case.id].source for case in study.protocol.cases]
    assert shown == [names[n] for n in (3, 5, 0, 1, 2, 4, 6, 7)]


def test_what_would_make_no_protocol_leaves_the_study_as_it_was(tmp_path: Path) -> None:
    (name,) = pictures(tmp_path, 1)
    study = empty_study(tmp_path / "study", "progression")
    before = (study.folder / PROTOCOL).read_bytes()
    for row, says in (({"image": name}, "this case has none"), ({"image": name, "aid": name, "group": "Knee A"}, "group")):
        with pytest.raises(StudyError, match=says):
            run(import_cases(study, read_case_table(a_table(tmp_path, [row]), study.protocol)))
        assert (study.folder / PROTOCOL).read_bytes() == before
        assert not list(study.folder.glob("*/*"))


def test_an_aid_is_of_the_images_kind_and_training_is_yes_or_no(tmp_path: Path) -> None:
    (name,) = pictures(tmp_path, 1)
    write_nifti(a_volume(1), tmp_path / "1.nii.gz")
    study = empty_study(tmp_path / "study", "progression")
    with pytest.raises(StudyError, match="An aid is of the same kind"):
        table = a_table(tmp_path, [{"image": name, "aid": "1.nii.gz"}])
        run(import_cases(study, read_case_table(table, study.protocol)))
    (tmp_path / "cases.csv").write_text(f"image,training\n\n\n{name},x\n")
    with pytest.raises(StudyError, match="line 4: training is yes or no, not x"):
        read_case_table(tmp_path / "cases.csv", study.protocol)


def test_cases_can_be_added_after_some_were_taken_out_by_hand(tmp_path: Path) -> None:
    names = pictures(tmp_path, 5)
    study = empty_study(tmp_path / "study")
    study = run(import_cases(study, read_case_table(a_table(tmp_path, [{"image": name} for name in names]), study.protocol)))
    path = study.folder / PROTOCOL
    cases = [case.model_dump(exclude_defaults=True) for case in study.protocol.cases]
    path.write_text(with_entry(path.read_text(), "cases", [cases[0], cases[1], cases[4]]))
    study.key_file.unlink()
    path.write_text(with_entry(path.read_text(), "truth_checksum", ""))
    study = Study.open(study.folder)
    more = run(import_cases(study, read_case_table(a_table(tmp_path, [{"image": names[2]}]), study.protocol)))
    assert [case.id for case in more.protocol.cases] == ["c001", "c002", "c005", "c006"]
