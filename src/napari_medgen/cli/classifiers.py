"""Commands of system 3: explain an image, and measure classifiers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from napari_medgen.cli.options import (
    AsJson,
    ClusterName,
    Data,
    DeviceName,
    MethodName,
    ModelArgument,
    Redraws,
    Threads,
    Work,
    WriteCard,
)
from napari_medgen.cli.options import Table as TableOption
from napari_medgen.cli.reports import report_figures, tell_unreadable, without_nan
from napari_medgen.cli.shards import report_folder
from napari_medgen.errors import MedGenError
from napari_medgen.running.console import warn

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.evaluation.variants import VariantTable
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.saliency.request import ExplainRequest
Unlabelled = Literal["unknown", "absent"]


def explain(
    image: Annotated[
        Path,
        typer.Argument(
            help="PNG, JPEG or DICOM; a NIfTI volume, whose axial slices are explained; or a folder of radiographs."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the overlay, the raw map and the JSON.")],
    model: Annotated[list[str] | None, typer.Option(help="Name of a model, or its folder; repeat to compare.")] = None,
    label: Annotated[str, typer.Option("--class", help="Class to explain; the most probable one by default.")] = "",
    method: MethodName = "gradient",
    batch_norm: Annotated[Literal["clean", "adversarial"], typer.Option(help="Which the image goes through.")] = "clean",
    clip: Annotated[float, typer.Option(help="Clip at so many standard deviations.")] = 3.0,
    side: Annotated[Literal["", "L", "R"], typer.Option(help="L or R, where the file does not say it.")] = "",
    published: Annotated[
        bool, typer.Option(help="Also write the gradient as the official code shows it: grey, of the network's input.")
    ] = False,
    absolute: Annotated[bool, typer.Option(help="Show how much, not for or against.")] = False,
    force: Annotated[bool, typer.Option(help="Make a map of an image that the model was not trained for.")] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Also write overlay and map of an image as DICOM.")] = False,
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
) -> None:
    """Show where a classifier looks: overlay as PNG, raw map, and JSON; of a folder, one table and a picture each."""
    from napari_medgen.imaging.files import radiographs_in
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept, opened_here
    from napari_medgen.running.shards import Placement
    from napari_medgen.saliency.folder import ExplainWay, explain_files
    from napari_medgen.saliency.model import open_classifier
    from napari_medgen.saliency.request import ExplainRequest

    request = ExplainRequest(label, ("clean", "adversarial").index(batch_norm), method, clip)
    placement = Placement(cluster, threads)
    if not placement.here and not image.is_dir():
        raise MedGenError("A cluster is for a folder of images.")
    for name in model or ["chest-pneumonia"]:
        opens = Kept.of(open_classifier, find_model(name), device=device)
        classifier = opened_here(opens, placement)
        if batch_norm == "adversarial" and classifier.architecture.network.domains < 2:
            raise MedGenError(f"{name} has one batch norm: --batch-norm adversarial changes nothing.")
        if image.is_dir():
            steps = explain_files(
                opens, radiographs_in(image), out, ExplainWay(request, side, not absolute, force), placement
            )
            report_folder(steps, "Explaining", image, name)
            continue
        if image.name.lower().endswith((".nii", ".nii.gz", ".nrrd")):
            _explain_volume(classifier, image, out, request)
        else:
            found = _read(image, side)
            _explain_image(classifier, found, out, request, absolute=absolute, force=force, published=published, dicom=dicom)


def _read(image: Path, side: Literal["", "L", "R"]) -> Radiograph:
    from napari_medgen.imaging.files import read_radiograph

    found = read_radiograph(image)
    return replace(found, laterality=side) if side else found


def _explain_image(
    classifier: Classifier,
    image: Radiograph,
    out: Path,
    request: ExplainRequest,
    *,
    absolute: bool,
    force: bool,
    published: bool,
    dicom: bool,
) -> None:
    from napari_medgen.saliency.export import export_map, export_published

    look = classifier.look(image, explain=True)
    if look.doubts and not force:
        raise MedGenError(f"{' '.join(look.doubts)} No map was made; --force makes one all the same.")
    found = look.map(request)
    warn((*image.notes, *found.warnings))
    print(f"{classifier.name}: {found.label} {found.probability:.0%}")
    paths = export_map(image, found, out, signed=not absolute, dicom=dicom)
    if published:
        paths.append(export_published(look.gradient(found.request), paths[0]))
    for path in paths:
        print(path)


def _explain_volume(classifier: Classifier, image: Path, out: Path, request: ExplainRequest) -> None:
    import numpy as np

    from napari_medgen.imaging.files import read_volume
    from napari_medgen.imaging.nifti import write_nifti
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.saliency.slices import explain_volume

    volume = read_volume(image)
    warn(volume.remarks)
    low, high = np.percentile(volume.voxels, (0.5, 99.5))
    window = (float(low), float(high) if high > low else float(low) + 1)
    made = drive_on_console(explain_volume(classifier, volume, window, request), volume.name)
    for path in write_nifti(made, out / f"{volume.name}_{classifier.name}_saliency.nii.gz"):
        print(path)


def evaluate_classifier(
    model: ModelArgument,
    data: Data,
    table: TableOption = "",
    image_column: Annotated[str, typer.Option(help="Of the table: file names.")] = "Image Index",
    subject_column: Annotated[str, typer.Option(help="Of the table: patients; by default each image is one's own.")] = "",
    blank: Annotated[Unlabelled, typer.Option(help="What a gap in the table means.")] = "unknown",
    uncertain: Annotated[Unlabelled, typer.Option(help="What a label below zero means.")] = "unknown",
    epsilon: Annotated[list[float] | None, typer.Option(help="Radius of the attack, of an image in 0 to 1. Repeat.")] = None,
    attacked: Annotated[int, typer.Option(min=2, help="Images that are attacked, at most.")] = 400,
    redraws: Redraws = 10_000,
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
    work: Work = None,
    write: WriteCard = False,
    as_json: AsJson = False,
) -> None:
    """AUC with intervals, accuracy, calibration, AUC under attack, and scores of the maps where masks exist."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.gathering import Gathering
    from napari_medgen.running.shards import Placement
    from napari_medgen.saliency.evaluation import measure
    from napari_medgen.saliency.evaluation.labelled_set import LabelTable
    from napari_medgen.saliency.model import open_classifier

    folder = find_model(model)
    opens, gathering = Kept.of(open_classifier, folder, device=device), Gathering(Placement(cluster, threads), work)
    asked = measure.EvaluationRequest(
        epsilons=tuple(epsilon or measure.EvaluationRequest.epsilons), attacked_images=attacked, redraws=redraws
    )
    asked_for = LabelTable(table or LabelTable.table, image_column, subject_column, blank, uncertain)
    labels = asked_for if table or asked_for != LabelTable() else None
    steps = measure.evaluate_classifier(opens, data, asked, labels=labels, gathering=gathering)
    report = drive_on_console(steps, "Evaluating")
    for name, count in report["left_out"].items():
        warn([f"Left out, since nobody knows: {count} images ({name})."])
    tell_unreadable(report["unreadable"], work)
    report_figures(folder, report, measure.figures(report), write=write, as_json=as_json)


def evaluate_variants(
    families: Annotated[
        list[str] | None, typer.Argument(help="Families of models that were trained alike but for the way; all by default.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="FAMILY=FOLDER of labelled images, or the folder alone for one family. Repeat.")
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="Radius of the attack; that of the training by default.")] = None,
    attacked: Annotated[int, typer.Option(min=2, help="Images that are attacked, at most.")] = 400,
    redraws: Redraws = 10_000,
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
    work: Work = None,
    as_json: AsJson = False,
) -> None:
    """Standard, adversarial and dual training beside each other: AUC, AUC under attack, energy and peak of the maps."""
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.gathering import Gathering
    from napari_medgen.running.shards import Placement
    from napari_medgen.saliency.evaluation.variants import compare_variants, family_members

    found, gathering = {}, Gathering(Placement(cluster, threads), work)
    for family, folder in _folders(families or [], data or []).items():
        steps = compare_variants(
            family_members(family),
            folder,
            device,
            epsilon=epsilon,
            attacked_images=attacked,
            redraws=redraws,
            gathering=gathering,
        )
        found[family] = drive_on_console(steps, family)
    tell_unreadable({name: why for one in found.values() for name, why in one.unreadable.items()}, work)
    if as_json:
        content = {family: comparison.as_dict() for family, comparison in found.items()}
        print(json.dumps(without_nan(content), indent=2, allow_nan=False))
        return
    for family, comparison in found.items():
        _print_comparison(family, comparison)


def _folders(families: list[str], data: list[str]) -> dict[str, Path]:
    pairs = {}
    for text in data:
        family, equals, folder = text.partition("=")
        if equals:
            pairs[family] = Path(folder)
        elif len(families) == 1:
            pairs[families[0]] = Path(text)
        else:
            raise MedGenError("For more than one family, write --data FAMILY=FOLDER for each.")
    wanted = families or list(pairs)
    if missing := [family for family in wanted if family not in pairs]:
        raise MedGenError(f"There is no folder for {missing[0]}: write --data {missing[0]}=FOLDER.")
    if not wanted:
        raise MedGenError("Name at least one family and its folder: --data chest-pneumonia=FOLDER.")
    return {family: pairs[family] for family in wanted}


def _print_comparison(family: str, comparison: VariantTable) -> None:
    graded = any(row.kappa for row in comparison.rows)
    masked = any(row.energy for row in comparison.rows)
    columns = ["training", "batch norm", "AUC of grade 2 and above" if graded else "AUC", "mean AUC"]
    columns += ["weighted kappa"] if graded else []
    columns += [f"mean AUC under APGD, epsilon {comparison.epsilon:g}"]
    columns += ["energy inside the mask", "pointing game"] if masked else []
    table = Table(*columns, title=f"{family}: {comparison.images} images, {comparison.attacked_images} attacked")
    for row in comparison.rows:
        cells = [row.training, row.domain, str(row.auc), f"{row.mean_auc:.3f}"]
        cells += [str(row.kappa)] if graded else []
        cells += [f"{row.attacked:.3f}"]
        cells += [str(row.energy), str(row.pointing)] if masked else []
        table.add_row(*cells)
    console = Console()
    console.print(table)
    if masked:
        console.print(f"Share of the area inside the mask, which is chance: {comparison.rows[0].chance:.3f}")
    else:
        console.print("There are no masks for these images, so maps are not scored.")
    for name, estimate in comparison.differences.items():
        console.print(f"{name}: {estimate}", highlight=False)
