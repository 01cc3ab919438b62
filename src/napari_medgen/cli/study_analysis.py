"""The command that turns readings into a report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_medgen.errors import StudyError

if TYPE_CHECKING:
    from napari_medgen.study.analysis.plan import KeptPlan, Plan
    from napari_medgen.study.analysis.readings import Readings
    from napari_medgen.study.study import Study


def analyse(
    folder: Annotated[Path | None, typer.Argument(help="The study's folder; none with --readings.")] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Plan of the analysis (YAML). While the blind is closed it is kept with the study, and nothing else is done."
            )
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; by default report, in the study's folder or here.")
    ] = None,
    patients: Annotated[
        Path | None, typer.Option(help="CSV table with the columns case and patient, where a patient gives several cases.")
    ] = None,
    readings: Annotated[Path | None, typer.Option(help="CSV table of readings made elsewhere, one row an answer.")] = None,
    reader: Annotated[str, typer.Option(help="Its column of readers.")] = "reader",
    case: Annotated[str, typer.Option(help="Its column of cases.")] = "case",
    answer: Annotated[str, typer.Option(help="Its column of answers.")] = "answer",
    truth: Annotated[str, typer.Option(help="Its column of right answers.")] = "",
    condition: Annotated[
        str, typer.Option(help="Its column of what is compared: modality, model, with or without aid.")
    ] = "",
    question: Annotated[str, typer.Option(help="Its column of questions, where there are several.")] = "",
    confidence: Annotated[str, typer.Option(help="Its column of confidence, from 1.")] = "",
    seconds: Annotated[str, typer.Option(help="Its column of reading times in seconds.")] = "",
    patient: Annotated[str, typer.Option(help="Its column of patients.")] = "",
    repeat: Annotated[str, typer.Option(help="Its column of repeats: 0 for the first showing.")] = "",
    kind: Annotated[
        Literal["", "yes_no", "rating", "choice", "number", "score"],
        typer.Option(help="What its answers are; told from them by default."),
    ] = "",
    grades: Annotated[str, typer.Option(help="Its grades from lowest to highest, with commas, where they are words.")] = "",
    order: Annotated[
        str, typer.Option(help="Its conditions in their order, with commas; the first is compared with the others.")
    ] = "",
    window: Annotated[
        bool, typer.Option(help="Show the results of a study in a window; with --reader R1 those of this reader alone.")
    ] = False,
    title: Annotated[str, typer.Option(help="Title of the report of a table.")] = "",
) -> None:
    """Analyse the readings of a study, or of a table: a report (HTML, PDF), tables for other programs, all numbers."""
    from napari_medgen.running.console import drive_on_console, warn
    from napari_medgen.study.analysis.analysis import analyse as analyse_readings
    from napari_medgen.study.analysis.from_table import Columns, readings_of_table
    from napari_medgen.study.analysis.plan import read_plan
    from napari_medgen.study.report.writing import PAGE, write_report
    from napari_medgen.study.study import Study

    if (folder is None) == (readings is None):
        raise StudyError("Name a study's folder, or a table with --readings.")
    if window:
        if folder is None:
            raise StudyError("A window shows the results of a study, not of a table.")
        of_one = ["--reader", reader] if reader != "reader" else []
        command = [sys.executable, "-m", "napari_medgen.viewer.study", str(folder), "--results", *of_one]
        sys.exit(subprocess.run(command, check=False).returncode)
    kept: KeptPlan | None = None
    given: Plan | None = None
    if folder is not None:
        study = Study.open(folder)
        if plan is not None and not _keep(study, plan):
            return
        found, kept = _of_study(study, patients)
        where = out or folder / "report"
    else:
        assert readings is not None
        columns = Columns(reader, case, answer, truth, condition, question, confidence, seconds, patient, repeat)
        conditions = tuple(one.strip() for one in order.split(",") if one.strip())
        steps = tuple(one.strip() for one in grades.split(",") if one.strip())
        found = readings_of_table(readings, columns, kind, conditions, title, steps)
        given = read_plan(plan, found.items) if plan is not None else None
        where = out or Path("report")
    analysis = drive_on_console(analyse_readings(found, given, kept), "Analysing")
    for path in drive_on_console(write_report(analysis, where), "Writing the report"):
        if path.name in (PAGE, "report.pdf"):
            print(path)
    warn(text for section in analysis.sections for text in section.problems)
    print(f"{where}: {len(analysis.sections)} sections; tables for other programs lie beside the report.")


def power(
    pilot_cases: Annotated[int, typer.Option(min=1, help="Cases of the study that the components are from.")],
    effect: Annotated[float, typer.Option(help="Difference between two conditions that is to be found.")],
    error: Annotated[float, typer.Option(help="Variance component: error, over cases.")],
    cov1: Annotated[float, typer.Option(help="Covariance of one reader under two conditions.")],
    cov2: Annotated[float, typer.Option(help="Covariance of two readers under one condition.")],
    cov3: Annotated[float, typer.Option(help="Covariance of two readers under two conditions.")],
    condition_reader: Annotated[float, typer.Option(help="Variance component: conditions by readers.")],
    readers: Annotated[
        list[int] | None, typer.Option(min=2, help="Number of readers. Repeat for more; 3 to 10 by default.")
    ] = None,
    wanted: Annotated[float, typer.Option(min=0.01, max=0.99, help="Power that is wanted.")] = 0.8,
) -> None:
    """Say how many readers and cases a study needs, from the variance components of a pilot or of a paper."""
    from rich.console import Console
    from rich.table import Table

    from napari_medgen.statistics.mrmc import Components
    from napari_medgen.statistics.mrmc_power import cases_needed
    from napari_medgen.statistics.mrmc_power import power as power_of

    parts = Components(error, cov1, cov2, cov3, 0.0, condition_reader)
    table = Table(box=None, padding=(0, 2, 0, 0))
    sizes = sorted({pilot_cases, 50, 100, 200, 400})
    for name in ("Readers", f"Cases for {wanted:.0%}", *(f"Power, {size} cases" for size in sizes)):
        table.add_column(name, no_wrap=True)
    for count in sorted(set(readers or range(3, 11))):
        try:
            needed = cases_needed(parts, pilot_cases, count, effect, wanted)
            found = [power_of(parts, pilot_cases, count, size, effect).power for size in sizes]
        except ValueError as fault:
            raise StudyError(f"{str(fault)[:1].upper()}{str(fault)[1:]}.") from None
        table.add_row(str(count), "no number" if needed is None else str(needed), *(f"{one:.1%}" for one in found))
    Console().print(table)
    print("Random readers and cases, two-sided at 5 %, cases of both kinds as in the pilot (Hillis 2011).")


def _keep(study: Study, path: Path) -> bool:
    """Keep a plan; whether the analysis goes on."""
    from napari_medgen.study.analysis.from_study import items_of
    from napari_medgen.study.analysis.plan import keep_plan
    from napari_medgen.study.unblinding import read_unblinded

    kept = keep_plan(study, path, items_of(study.protocol))
    if read_unblinded(study) is not None:
        return True
    print(f"The plan is kept with the study ({kept.at}, SHA-256 {kept.checksum[:12]}).")
    print(f"When all have read: napari-medgen study unblind {study.folder}, then study analyse {study.folder}.")
    return False


def _of_study(study: Study, patients: Path | None) -> tuple[Readings, KeptPlan | None]:
    from napari_medgen.study.analysis.from_study import opened, readings_of
    from napari_medgen.study.analysis.from_table import read_patients
    from napari_medgen.study.analysis.plan import kept_plan

    found = opened(study)
    whose = read_patients(patients, [one.id for one in study.protocol.cases]) if patients is not None else None
    return readings_of(found, whose), kept_plan(study, found.made.plan)
