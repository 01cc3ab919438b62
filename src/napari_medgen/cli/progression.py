"""Commands of system 2: extrapolate a radiograph, build cohorts, and measure a progression model."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from napari_medgen.cli.options import AsJson, ClusterName, DeviceName, Model, ModelArgument, Threads, Work, WriteCard
from napari_medgen.cli.reports import report_figures, tell_unreadable
from napari_medgen.cli.shards import report_folder
from napari_medgen.errors import CohortError, MedGenError

if TYPE_CHECKING:
    from napari_medgen.models.folder import ModelFolder
    from napari_medgen.models.kept import Kept
    from napari_medgen.progression.cohort.visits import Visit
    from napari_medgen.progression.folder import ExtrapolateWay
    from napari_medgen.progression.knee_measures import Judged
    from napari_medgen.progression.model import Extrapolator
    from napari_medgen.running.devices import Device
    from napari_medgen.running.shards import Placement

Side = Annotated[Literal["", "L", "R"], typer.Option(help="L or R, where the file does not say it.")]
Neighbours = Annotated[int, typer.Option(min=1, help="How many similar knees to follow.")]
Mode = Annotated[
    Literal["strict", "published"],
    typer.Option(help="strict: from the matched visit on, in days. published: first to last visit, in calendar years."),
]
Method = Annotated[
    Literal["fast", "published", "encoder"],
    typer.Option("--projection", help="fast, published (1000 steps), or encoder alone."),
]
CohortFolder = Annotated[Path | None, typer.Option("--cohort", help="A cohort's folder; the model's own by default.")]
Classifier = Annotated[str, typer.Option(help="Name of the classifier that grades; the card's by default.")]

_NAMED = 20  # images that were left out and are named on the screen; failures.csv names all

app = typer.Typer(no_args_is_help=True, help="Build and inspect cohorts of visits.")


@dataclass(frozen=True)
class OpensExtrapolator:
    """Makes a progression model of its folder, its classifier's, and perhaps another cohort; ``models.kept`` asks for it.

    Attributes
    ----------
    cohort, key
        Folder and fingerprint of the other cohort.
    """

    cohort: Path | None = None
    key: str = ""

    def __call__(self, folders: Sequence[ModelFolder], device: Device) -> Extrapolator:
        from napari_medgen.progression.cohort.folder import open_cohort
        from napari_medgen.progression.model import Extrapolator
        from napari_medgen.saliency.frame_grader import FrameGrader
        from napari_medgen.saliency.model import Classifier

        cohort = open_cohort(self.cohort) if self.cohort else None
        return Extrapolator(folders[0], FrameGrader(Classifier(folders[1], device)), cohort, device)


def open_judged(folders: Sequence[ModelFolder], device: Device) -> Judged:
    """A progression model of its folder and its classifier's, and the supervised classifier where there is a third."""
    from napari_medgen.progression.knee_measures import Judged
    from napari_medgen.saliency.frame_grader import FastProgression
    from napari_medgen.saliency.model import Classifier

    extrapolator = OpensExtrapolator()(folders[:2], device)
    return Judged(extrapolator, *(FastProgression(Classifier(folder, device)) for folder in folders[2:]))


def _folders(model: str, classifier: str) -> tuple[ModelFolder, ModelFolder]:
    """A progression model, and the classifier that grades for it."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.progression.model import classifier_name

    folder = find_model(model)
    return folder, find_model(classifier) if classifier else find_model(classifier_name(folder), beside=folder)


def kept_extrapolator(
    name: str, *, classifier: str = "", device: str = "", cohort: Path | None = None
) -> Kept[Extrapolator]:
    """A progression model with its classifier, for this process or for workers."""
    from napari_medgen.models.kept import Kept
    from napari_medgen.progression.cohort.folder import cohort_key

    loads = OpensExtrapolator(cohort.resolve(), cohort_key(cohort)) if cohort else OpensExtrapolator()
    return Kept.of(loads, *_folders(name, classifier), device=device)


def open_extrapolator(name: str, *, classifier: str = "", device: str = "", cohort: Path | None = None) -> Extrapolator:
    """A progression model with its classifier."""
    return kept_extrapolator(name, classifier=classifier, device=device, cohort=cohort)()


def extrapolate(
    image: Annotated[
        Path,
        typer.Argument(
            help="PNG, JPEG or DICOM of one knee, the joint in the middle; a folder of them; or a CSV table with columns "
            "image, side and patient."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for frames, difference maps, the JSON and the report.")],
    model: Model = "knee-progression",
    months: Annotated[str, typer.Option(help="Times after the baseline, with commas or spaces between.")] = "12,24,48,96",
    more: Annotated[list[float] | None, typer.Argument(help="More times, so that --months 12 24 48 works.")] = None,
    neighbours: Neighbours = 8,
    mode: Mode = "strict",
    projection: Method = "fast",
    steps: Annotated[int, typer.Option(min=0, help="Of the projection; 0 for its own number.")] = 0,
    space: Annotated[
        Literal["W", "W+"], typer.Option(help="W+: a latent for each layer, closer to the image. W: one, as published.")
    ] = "W+",
    side: Side = "",
    patient: Annotated[str, typer.Option(help="Whose visits are left out, where the patient is in the cohort.")] = "",
    cohort: CohortFolder = None,
    classifier: Classifier = "",
    force: Annotated[bool, typer.Option(help="Extrapolate an image that the model does not understand.")] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Also write the frames as a DICOM series.")] = False,
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
) -> None:
    """Look into a knee's future: frames, difference maps, grade probabilities, risk, neighbours, errors and a report."""
    from napari_medgen.imaging.files import read_radiograph
    from napari_medgen.progression.export import export_forecast
    from napari_medgen.progression.folder import ExtrapolateWay
    from napari_medgen.progression.forecast import Forecast
    from napari_medgen.progression.request import ProjectionRequest
    from napari_medgen.progression.side_check import contradicts
    from napari_medgen.progression.trajectories import ExtrapolationRequest
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.shards import Placement

    asked = ExtrapolationRequest(_months(months, more or []), neighbours, mode)
    request, placement = (
        ProjectionRequest(projection, steps, space if projection == "fast" else "W"),
        Placement(cluster, threads),
    )
    if image.is_dir() or image.name.lower().endswith(".csv"):
        opens = kept_extrapolator(model, classifier=classifier, device=device, cohort=cohort)
        _extrapolate_many(opens, image, out, ExtrapolateWay(asked, request, side, force), placement)
        return
    if not placement.here:
        raise MedGenError("A cluster is for a folder or a table of images.")
    found = read_radiograph(image)
    found = replace(found, laterality=side) if side else found
    extrapolator = open_extrapolator(model, classifier=classifier, device=device, cohort=cohort)
    doubts = [*extrapolator.grader.doubts(found)]
    if contradicts(extrapolator, found):
        doubts.append(f"The image contradicts its side, as far as the model can tell ({found.laterality}).")
    projected = drive_on_console(extrapolator.project(found, request), "Projecting")
    doubts = [*doubts, *projected.doubts]
    errors = Console(stderr=True)
    for sentence in (*found.notes, *doubts):
        errors.print(sentence, style="yellow", markup=False)
    if doubts and not force:
        raise MedGenError("Nothing was extrapolated; --force does it all the same.")
    prediction = drive_on_console(extrapolator.look_ahead(projected, asked, patient), "Looking ahead")
    forecast = Forecast(extrapolator, projected, prediction)
    _print_forecast(forecast)
    for path in export_forecast(forecast, out, dicom=dicom):
        print(path)


def _extrapolate_many(opens: Kept[Extrapolator], source: Path, out: Path, way: ExtrapolateWay, placement: Placement) -> None:
    from napari_medgen.imaging.files import radiographs_in
    from napari_medgen.progression.folder import extrapolate_files
    from napari_medgen.progression.knee_table import knees_of_table

    knees = None if source.is_dir() else knees_of_table(source)
    files = radiographs_in(source) if knees is None else list(knees)
    if placement.here:
        opens()  # what is wrong with the model is said at once
    report_folder(
        extrapolate_files(opens, files, out, way, placement, knees), "Extrapolating", source, opens.folders[0].name
    )


def _months(text: str, more: list[float]) -> tuple[float, ...]:
    try:
        found = {*(float(part) for part in text.replace(",", " ").split()), *more}
        if not all(math.isfinite(month) for month in found):
            raise ValueError
        return tuple(sorted(found))
    except ValueError:
        raise MedGenError(f"The months are numbers with commas between them, not {text}.") from None


def _print_forecast(forecast: Any) -> None:
    prediction, risk = forecast.prediction, forecast.prediction.risk
    console = Console()
    if forecast.surrogate:
        console.print(forecast.surrogate.capitalize() + ".", style="yellow")
    table = Table("months", "mean grade", "risk of two grades or more", "8 in 10 neighbours between")
    for i, months in enumerate(prediction.months):
        band = f"{risk.low[i]:.0%} to {risk.high[i]:.0%}"
        table.add_row(f"{months:g}", f"{prediction.grade.value[i]:.2f}", f"{risk.value[i]:.1%}", band)
    console.print(table)
    console.print("Not for diagnosis and not for prognosis.")


Layout = Annotated[
    Literal["table", "names", "surrogate"],
    typer.Option(
        help="table: --table names the visits. names: files as OAI and MOST name them. surrogate: the model's own data "
        "folder, whose pairs of knees stand for a follow-up."
    ),
]
VisitTable = Annotated[Path | None, typer.Option(help="CSV or Parquet: image, patient, date, side, grade, split.")]
Grades = Annotated[list[Path] | None, typer.Option(help="OAI's or MOST's table of Kellgren-Lawrence grades. Repeat.")]
FirstIsBaseline = Annotated[
    bool, typer.Option("--first-is-baseline", help="Each patient's first image is of the study's first visit.")
]
Split = Annotated[str, typer.Option(help="train, val or test alone.")]


@app.command()
def build(
    images: Annotated[Path, typer.Argument(help="Folder of the images.")],
    out: Annotated[Path, typer.Option(help="Folder of the cohort; an unfinished one is gone on with.")],
    model: Model = "knee-progression",
    table: VisitTable = None,
    layout: Layout = "names",
    grades: Grades = None,
    first_is_baseline: FirstIsBaseline = False,
    split: Split = "",
    projection: Method = "fast",
    steps: Annotated[int, typer.Option(min=0, help="Of each projection; 0 for its own number.")] = 0,
    classifier: Classifier = "",
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
) -> None:
    """Project every visit of a folder. A build that is stopped, even by a kill, goes on where it was."""
    from napari_medgen.models.kept import opened_here
    from napari_medgen.progression.cohort_building import BuildRequest, Spreading, build_cohort
    from napari_medgen.progression.request import ProjectionRequest
    from napari_medgen.progression.training.recipe import SURROGATE
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.folder_rows import write_failures
    from napari_medgen.running.shards import Placement

    placement = Placement(cluster, threads)
    opens = kept_extrapolator(model, classifier=classifier, device=device)
    known = opened_here(opens, placement)
    layout = "table" if table else layout
    visits = _visits(images, table, layout, grades or [], model, split, first_is_baseline)
    request = BuildRequest(
        tuple(visits), images, ProjectionRequest(projection, steps), SURROGATE if layout == "surrogate" else ""
    )
    spreading = Spreading(placement, opens)
    cohort = drive_on_console(build_cohort(request, known, out, spreading), "Building")
    print(f"{out}: {len(cohort.visits)} visits of {len({v.patient for v in cohort.visits})} patients")
    left_out: dict[str, str] = cohort.about.get("left_out", {})
    for image, reason in list(left_out.items())[:_NAMED]:
        text = f"Left out: {image}: {reason}"
        Console(stderr=True, soft_wrap=True).print(text, style="yellow", markup=False, highlight=False)
    if left_out:
        print(f"{len(left_out)} left out: {write_failures(out, left_out)}")


@app.command()
def info(cohort: Annotated[Path, typer.Argument(help="A cohort's folder.")], as_json: AsJson = False) -> None:
    """What a cohort holds."""
    from napari_medgen.progression.cohort.folder import open_cohort

    found = open_cohort(cohort)
    several = sum(len(rows) > 1 for rows in found.trajectories.values())
    content = {
        "visits": len(found.visits),
        "patients": len({v.patient for v in found.visits}),
        "knees": len(found.trajectories),
        "knees_with_follow_up": several,
        "graded": sum(v.grade is not None for v in found.visits),
        "model": found.about.get("model", ""),
        "surrogate": found.surrogate,
        "left_out": len(found.about.get("left_out", {})),
    }
    print(json.dumps(content, indent=2) if as_json else "\n".join(f"{key}: {value}" for key, value in content.items()))


@app.command()
def labels(
    images: Annotated[Path, typer.Argument(help="Folder of the images.")],
    out: Annotated[Path, typer.Option(help="CSV to write.")],
    model: Model = "knee-progression",
    table: VisitTable = None,
    layout: Layout = "names",
    grades: Grades = None,
    first_is_baseline: FirstIsBaseline = False,
) -> None:
    """Write who progressed fast, from which the supervised baseline is trained (knee-fast-progression)."""
    from napari_medgen.progression.cohort.progressors import write_labels

    visits = _visits(images, table, "table" if table else layout, grades or [], model, "", first_is_baseline)
    print(f"{out}: {write_labels(visits, out)} knees")


def _visits(
    images: Path,
    table: Path | None,
    layout: str,
    grades: list[Path],
    model: str,
    split: str,
    first_is_baseline: bool,
) -> list[Visit]:
    from napari_medgen.progression.cohort import visits as reading
    from napari_medgen.progression.cohort.grade_tables import read_grades, with_grades

    if not images.is_dir():
        raise CohortError(f"There is no folder {images}.")
    if layout == "surrogate":
        found = _surrogate(images, model)
    elif layout == "table":
        if table is None:
            raise CohortError("Name the table of visits: --table visits.csv.")
        found = reading.visits_of_table(table, images)
    else:
        found = reading.visits_of_names(images)
    if grades:
        graded = with_grades(found, read_grades(grades), first_is_baseline=first_is_baseline)
        found = graded.visits
        if graded.open:
            text = (
                f"{len(graded.open)} patients were not graded (for example {graded.open[0]}): the times of their images "
                "do not tell which visits they are of; --first-is-baseline says that each one's first image is of the first."
            )
            Console(stderr=True, soft_wrap=True).print(text, style="yellow", markup=False, highlight=False)
    found = [visit for visit in found if not split or visit.split == split]
    if not found:
        raise CohortError(f"No visit is of the split {split}.")
    return found


def _surrogate(images: Path, model: str) -> list[Visit]:
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.recipe import validate_recipe
    from napari_medgen.progression.cohort.visits import surrogate
    from napari_medgen.progression.training.frames import find_visits
    from napari_medgen.progression.training.recipe import ProgressionRecipe

    folder = find_model(model)
    if not folder.card.recipe:
        raise CohortError(f"{folder.name} was not trained from a recipe, so that nobody knows how its surrogate was made.")
    recipe = validate_recipe(ProgressionRecipe, folder.card.recipe, folder.name)
    return surrogate(find_visits(recipe, images), recipe.data.months_per_grade, recipe.data.months_unchanged)


def evaluate_progression(
    model: ModelArgument,
    cohort: Annotated[Path, typer.Option(help="Folder of a cohort of other patients, built with this model.")],
    supervised: Annotated[str, typer.Option(help="Classifier of fast progression to compare with; empty for none.")] = "",
    horizon: Annotated[float, typer.Option(min=1, help="Months at which every knee's risk is taken.")] = 48.0,
    neighbours: Neighbours = 8,
    mode: Mode = "strict",
    classifier: Classifier = "",
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
    work: Work = None,
    write: WriteCard = False,
    as_json: AsJson = False,
) -> None:
    """Projection error, distance to the real follow-up, grades along the path, and the risk's AUC with its interval."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept
    from napari_medgen.progression import evaluation
    from napari_medgen.progression.cohort.folder import open_cohort
    from napari_medgen.progression.cohort.origin import require_model
    from napari_medgen.progression.knee_measures import EvaluationRequest
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.gathering import Gathering
    from napari_medgen.running.shards import Placement

    folder, found = find_model(model), open_cohort(cohort)
    require_model(found, folder)
    others = [find_model(supervised)] if supervised else []
    opens = Kept.of(open_judged, *_folders(model, classifier), *others, device=device)
    asked = EvaluationRequest(horizon=horizon, neighbours=neighbours, mode=mode)
    gathering = Gathering(Placement(cluster, threads), work)
    report = drive_on_console(evaluation.evaluate_progression(opens, found, asked, gathering), "Evaluating")
    tell_unreadable(report["unreadable"], work)
    report_figures(folder, report, evaluation.figures(report), write=write, as_json=as_json)
