"""Commands of reader studies: make one, look whether it is sound, read it, follow it, take its tables."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from napari_medgen.cli.options import AsJson, DeviceName
from napari_medgen.cli.study_analysis import analyse, power
from napari_medgen.errors import StudyError

if TYPE_CHECKING:
    from napari_medgen.running.progress import Steps
    from napari_medgen.study.anchor import Head
    from napari_medgen.study.case_table import NewCase
    from napari_medgen.study.status import ReaderStatus

Folder = Annotated[Path, typer.Argument(help="The study's folder.")]

app = typer.Typer(no_args_is_help=True, help="Run a reader study.")
app.command("analyse")(analyse)
app.command("power")(power)


@app.command("new")
def new(
    template: Annotated[
        Literal["turing", "volume-quality", "progression", "saliency"], typer.Option(help="Which study to begin with.")
    ],
    out: Annotated[Path | None, typer.Option(help="Its folder; by default one named after the template, here.")] = None,
    name: Annotated[str, typer.Option(help="Its name: small letters, figures, - and _.")] = "",
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model whose samples, follow-ups or maps are read; for saliency three. Without one: no cases yet."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of real images.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of cases; of turing, half are real where there is data.")] = 10,
    readers: Annotated[int, typer.Option(min=1, max=200, help="Number of readers: R1, R2, ...")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="That orders are drawn from; at random by default.")] = None,
    months: Annotated[float, typer.Option(help="Of progression: time of the follow-up.")] = 48.0,
    device: DeviceName = "",
) -> None:
    """Make a study that can be read at once, its images made on the spot."""
    from napari_medgen.running.console import drive_on_console, warn
    from napari_medgen.running.writing import write_whole
    from napari_medgen.study.case_table import import_cases
    from napari_medgen.study.study import PROTOCOL, Study
    from napari_medgen.study.templating import protocol_text

    name = name or f"{template}-study"
    folder = out or Path(name)
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name) is None:
        raise StudyError(f"A study's name has small letters, figures, - and _, and {name} has others.")
    if (folder / PROTOCOL).exists():
        raise StudyError(f"There is a study in {folder} already.")
    models = list(model or ())
    arms = [chr(ord("a") + index) for index in range(max(len(models), 1))] if models else ["a", "b", "c"]
    secrets.SystemRandom().shuffle(models)
    codes = [f"R{number}" for number in range(1, readers + 1)]
    drawn = secrets.randbelow(2**31) if seed is None else seed
    text = protocol_text(template, name, codes, drawn, title, arms)
    if not models:
        write_whole(folder / PROTOCOL, text.encode(), StudyError)
        print(f"{folder / PROTOCOL}: cases are still to come (napari-medgen study import-cases).")
        return
    cases = drive_on_console(_cases(template, models, arms, data, count, months, device), "Making cases")
    write_whole(folder / PROTOCOL, text.encode(), StudyError)
    study = Study.open(folder)
    named = dict(zip(arms, models, strict=True)) if template == "saliency" else {}
    study = drive_on_console(import_cases(study, cases, arms=named), "Writing images")
    if template == "turing" and data is None:
        warn(["There are no real images (--data): every case is synthetic, so that this study is for trying out only."])
    print(f"{folder}: {len(study.protocol.cases)} cases, readers {', '.join(codes)}.")
    print(f"Read it with: napari-medgen study read {folder} --reader {codes[0]}")


def _cases(
    template: str, models: list[str], arms: list[str], data: Path | None, count: int, months: float, device: str
) -> Steps[list[NewCase]]:
    from napari_medgen.cli import study_material as material

    if template != "saliency" and len(models) > 1:
        raise StudyError("Several models are compared by the template saliency only.")
    if template == "saliency":
        return material.mapped_cases(models, arms, data, count, device)
    if template == "progression":
        return material.followed_cases(models[0], data, count, months, device)
    truth = "real" if template == "turing" else ""
    return material.sampled_cases(models[0], data if truth else None, count, truth=truth, device=device)


@app.command("import-cases")
def import_cases(
    folder: Folder,
    source: Annotated[Path, typer.Argument(help="CSV table (image, truth, group, aid, training), or a folder of images.")],
    match: Annotated[
        bool, typer.Option(help="Put volumes on one grid and in one range of grey values, so that only the image differs.")
    ] = False,
) -> None:
    """Put images into a study, under names that say nothing, and their truth into the key."""
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.study import case_table
    from napari_medgen.study.study import Study

    study = Study.open(folder)
    cases = case_table.read_case_table(source, study.protocol)
    now = drive_on_console(case_table.import_cases(study, cases, matched=match), "Preparing images")
    version = f", version {now.protocol.version} of the protocol" if now.protocol.version > study.protocol.version else ""
    print(f"{folder}: {len(now.protocol.cases)} cases, {len(cases)} of them new{version}.")


@app.command("check")
def check(
    folder: Folder,
    head: Annotated[
        list[str] | None,
        typer.Option(
            help='READER="NUMBER HASH": the line that a reader was shown at the end, to compare with. Repeat for more.'
        ),
    ] = None,
) -> None:
    """Look whether a study is sound: its files, what could tell what must stay hidden, and every answer that was kept."""
    from napari_medgen.running.console import warn
    from napari_medgen.study.checking import check_study
    from napari_medgen.study.study import Study

    study = Study.open(folder)
    found = check_study(study, _heads(head or []))
    warn(f"{one.kind}: {one.text}" for one in found)
    if any(one.kind == "fault" for one in found):
        raise StudyError(f"{sum(one.kind == 'fault' for one in found)} faults were found.")
    leaks = sum(one.kind == "leak" for one in found)
    print(f"{folder}: {len(study.protocol.cases)} cases, {len(study.begun)} readers have begun; no fault, {leaks} leaks.")


def _heads(pairs: list[str]) -> dict[str, Head]:
    from napari_medgen.study.anchor import read_head

    out = {}
    for pair in pairs:
        reader, _, line = pair.partition("=")
        known = read_head(line.strip())
        if known is None:
            raise StudyError(f'A head is written READER="NUMBER HASH", not {pair}.')
        out[reader] = known
    return out


@app.command("read")
def read(
    folder: Folder,
    reader: Annotated[str, typer.Option(help="Code of the reader; asked for in the window by default.")] = "",
) -> None:
    """Open the window at the case where the reader is."""
    from napari_medgen.study.study import Study

    study = Study.open(folder)
    if reader and reader not in study.codes:
        raise StudyError(f"The protocol has no reader {reader}; it has: {', '.join(study.codes)}.")
    # The window is no part of the command line: it runs as a program of its own.
    command = [sys.executable, "-m", "napari_medgen.viewer.study", str(folder), *(["--reader", reader] if reader else [])]
    sys.exit(subprocess.run(command, check=False).returncode)


@app.command("status")
def status(
    folder: Folder,
    as_json: AsJson = False,
    window: Annotated[bool, typer.Option(help="Show it in a window that keeps itself up to date.")] = False,
) -> None:
    """Say where every reader is, without opening the blind."""
    from datetime import date

    from napari_medgen.running.console import warn
    from napari_medgen.study.status import COLUMNS, status_of
    from napari_medgen.study.study import Study

    study = Study.open(folder)
    if window:
        command = [sys.executable, "-m", "napari_medgen.viewer.study", str(folder), "--status"]
        sys.exit(subprocess.run(command, check=False).returncode)
    found = status_of(study)
    if as_json:
        print(_status_json(found))
        return
    table = Table(title=study.protocol.title, box=None, padding=(0, 1, 0, 0), title_justify="left")
    for name in COLUMNS:
        table.add_column(name, no_wrap=True)
    for one in found:
        table.add_row(*one.cells(date.today()))
    Console().print(table)
    warn(f"{one.reader}: {fault}." for one in found for fault in one.faults)


def _status_json(found: tuple[ReaderStatus, ...]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(
        [asdict(one) | {"a_day": {day.isoformat(): n for day, n in one.a_day}} for one in found], default=str, indent=2
    )


@app.command("export")
def export(folder: Folder, out: Annotated[Path, typer.Option(help="Folder for the tables.")]) -> None:
    """Write the answers as CSV tables with a dictionary; cases, arms and truth are in them once the study was unblinded."""
    from napari_medgen.study.export import export as export_tables
    from napari_medgen.study.study import Study

    for path in export_tables(Study.open(folder), out):
        print(path)


@app.command("copy")
def copy(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="Folder of the copy.")],
    reader: Annotated[str, typer.Option(help="Code of the reader whom it is for.")],
) -> None:
    """Copy a study to be read on another machine: without the key, and without what others answered."""
    from napari_medgen.study.copying import copy_for
    from napari_medgen.study.study import Study

    copy_for(Study.open(folder), reader, out)
    print(f"{out}: for {reader}. When it comes back: napari-medgen study merge {folder} {out}")


@app.command("merge")
def merge(
    folder: Folder,
    sources: Annotated[list[Path], typer.Argument(help="Other copies of the study, folders of readings, or stores.")],
) -> None:
    """Take over readings that were made elsewhere; done twice, the result is the same."""
    from napari_medgen.study.merging import merge as merge_stores
    from napari_medgen.study.study import Study

    said = {"new": "taken over", "longer": "went on since, taken over", "known": "nothing new"}
    for one in merge_stores(Study.open(folder), sources):
        print(f"{one.reader}: {said[one.what]} ({one.events} events)")


@app.command("unblind")
def unblind(
    folder: Folder,
    without: Annotated[list[str] | None, typer.Option(help="A reader who will not go on. Repeat for more.")] = None,
) -> None:
    """Open the blind, once, when all readers are done."""
    from napari_medgen.study import unblinding
    from napari_medgen.study.study import Study

    made = unblinding.unblind(Study.open(folder), without or ())
    print(f"{folder / unblinding.NAME}: unblinded on {made.at}; napari-medgen study analyse {folder} makes the report.")
