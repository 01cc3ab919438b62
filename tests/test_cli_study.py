"""Reader studies from the command line, from the first command to the tables."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_medgen.cli import app
from napari_medgen.errors import MedGenError
from napari_medgen.imaging.files import read_image
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.volume import Volume
from napari_medgen.study.study import Study
from readings_support import written, yes_no
from study_support import a_volume, read_all, read_with_skill


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["study", *(str(one) for one in arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_turing_study_from_its_first_command_to_its_tables(tmp_path: Path, tiny_model: Path) -> None:
    real = tmp_path / "real"
    for n in range(3):
        write_nifti(a_volume(n, (20, 20, 20)), real / f"MILLER_{n}.nii.gz")
    folder = tmp_path / "study"
    what = ("--template", "turing", "--model", tiny_model, "--data", real, "--count", 6, "--readers", 2)
    assert "6 cases, readers R1, R2" in run("new", *what, "--out", folder)
    study = Study.open(folder)
    key = study.key()
    assert key is not None
    assert sorted(key.truth(case.id, "real") for case in study.protocol.cases) == [False] * 3 + [True] * 3
    seen = [read_image(folder / case.image) for case in study.protocol.cases]
    assert len({image.voxels.shape for image in seen if isinstance(image, Volume)}) == 1
    assert not any(image.provenance.synthetic for image in seen)
    assert "no fault, 0 leaks" in run("check", folder)
    assert "not begun" in run("status", folder)
    for code in study.codes:
        session = study.session(code)
        read_all(session)
        session.close()
    states = json.loads(run("status", folder, "--json"))
    assert [(one["reader"], one["state"]) for one in states] == [("R1", "done"), ("R2", "done")]
    run("export", folder, "--out", tmp_path / "blind")
    assert "truth" not in rows(tmp_path / "blind" / "answers.csv")[0]
    assert "unblinded on" in run("unblind", folder)
    run("export", folder, "--out", tmp_path / "open")
    assert {row["truth"] for row in rows(tmp_path / "open" / "answers.csv")} == {"yes", "no"}
    assert "nothing new" in run("merge", folder, folder)


def test_templates_without_a_model_wait_for_cases(tmp_path: Path) -> None:
    for template in ("turing", "volume-quality", "progression", "saliency"):
        folder = tmp_path / template
        assert "still to come" in run("new", "--template", template, "--out", folder)
        with pytest.raises(MedGenError, match="1 faults were found"):
            run("check", folder)
    with pytest.raises(MedGenError, match="There is a study in"):
        run("new", "--template", "turing", "--out", tmp_path / "turing")
    with pytest.raises(MedGenError, match="small letters"):
        run("new", "--template", "turing", "--name", "My Study", "--out", tmp_path / "x")


def test_cases_are_imported_from_a_table(tmp_path: Path) -> None:
    for n in range(2):
        write_nifti(a_volume(n), tmp_path / f"{n}.nii.gz")
    (tmp_path / "cases.csv").write_text("image,truth\n0.nii.gz,yes\n1.nii.gz,no\n")
    folder = tmp_path / "study"
    run("new", "--template", "turing", "--out", folder)
    assert "2 cases, 2 of them new" in run("import-cases", folder, tmp_path / "cases.csv")
    assert "no fault, 0 leaks" in run("check", folder)
    with pytest.raises(MedGenError, match="A head is written"):
        run("check", folder, "--head", "R1=nonsense")


def test_maps_of_three_models_and_follow_ups_are_made_on_the_spot(tmp_path: Path) -> None:
    names = ["knee-kl", "knee-kl-standard", "knee-kl-adversarial"]
    folder = tmp_path / "saliency"
    models = [part for name in names for part in ("--model", name)]
    run("new", "--template", "saliency", *models, "--count", 2, "--out", folder)
    study = Study.open(folder)
    assert all(set(case.overlays) == {"a", "b", "c"} for case in study.protocol.cases)
    key = study.key()
    assert key is not None
    assert sorted(key.arms.values()) == sorted(names)
    assert not any(name in (folder / "protocol.yaml").read_text() for name in names)
    follow = tmp_path / "progression"
    run("new", "--template", "progression", "--model", "knee-progression", "--count", 1, "--out", follow)
    (case,) = Study.open(follow).protocol.cases
    assert read_image(follow / case.aid).provenance.synthetic  # readers are told in this study
    assert not read_image(follow / case.aid).provenance.model
    with pytest.raises(MedGenError, match="saliency only"):
        run("new", "--template", "turing", "--model", "a", "--model", "b", "--out", tmp_path / "x")


@pytest.mark.window
def test_read_says_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MedGenError, match="There is no folder"):
        run("read", tmp_path / "gone")
    folder = tmp_path / "study"
    run("new", "--template", "turing", "--out", folder)
    with pytest.raises(MedGenError, match="no reader R9"):
        run("read", folder, "--reader", "R9")
    command = [sys.executable, "-m", "napari_medgen.viewer.study", str(tmp_path / "gone")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == f"There is no folder {tmp_path / 'gone'}."


def test_a_study_is_analysed_as_it_was_planned(tmp_path: Path, tiny_model: Path) -> None:
    real = tmp_path / "real"
    for n in range(5):
        write_nifti(a_volume(n, (20, 20, 20)), real / f"head_{n}.nii.gz")
    folder = tmp_path / "study"
    what = ("--template", "turing", "--model", tiny_model, "--data", real, "--count", 10, "--readers", 2)
    run("new", *what, "--out", folder)
    plan = tmp_path / "plan.yaml"
    plan.write_text("primary: {question: real, analysis: turing}\nmargin: 0.1\n")
    assert "The plan is kept with the study" in run("analyse", folder, "--plan", plan)
    with pytest.raises(MedGenError, match="blind of this study is closed"):
        run("analyse", folder)
    study = Study.open(folder)
    for code in study.codes:
        read_with_skill(study, code, 0.7)
    run("unblind", folder)
    assert "report.html" in run("analyse", folder)
    found = json.loads((folder / "report" / "results.json").read_text())
    assert found["planned_before_unblinding"]
    assert [one["standing"] for one in found["sections"]][:3] == ["description", "primary", "exploratory"]
    run("analyse", folder, "--plan", plan, "--out", tmp_path / "again")
    with pytest.raises(MedGenError, match="Another plan was kept"):
        other = tmp_path / "other.yaml"
        other.write_text("margin: 0.2\n")
        run("analyse", folder, "--plan", other)


def test_a_table_of_readings_made_elsewhere_is_analysed(tmp_path: Path) -> None:
    rows = [{"radiologist": row["reader"], **{k: v for k, v in row.items() if k != "reader"}} for row in yes_no()]
    path = written(tmp_path / "t.csv", rows)
    columns = ("--reader", "radiologist", "--truth", "truth", "--confidence", "confidence", "--title", "Ours")
    assert "sections" in run("analyse", "--readings", path, *columns, "--out", tmp_path / "out")
    assert "<title>Ours</title>" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(MedGenError, match=r"no column reader \(--reader\)"):
        run("analyse", "--readings", path)
    with pytest.raises(MedGenError, match="Name a study's folder, or a table"):
        run("analyse")


def test_a_pilot_says_how_many_readers_and_cases_are_needed() -> None:
    """Van Dyke's components (jackknife), effect .05: six readers need 170 cases for 80 % (RJafroc)."""
    parts = ("--error", 8.02288265572e-4, "--cov1", 3.46613709441e-4, "--cov2", 3.44074828861e-4, "--cov3", 2.39028370892e-4)
    what = (*parts, "--condition-reader", 2.00402523581e-4, "--pilot-cases", 114, "--effect", 0.05, "--readers", 6)
    assert "170" in run("power", *what).splitlines()[1].split()
    with pytest.raises(MedGenError, match="nothing varies"):
        run("power", "--error", 0, "--cov1", 0, "--cov2", 0, "--cov3", 0, "--condition-reader", 0, *what[10:])
