"""Commands for the paper's analyses of robustness and inner workings: numbers as JSON and a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_medgen.cli.options import ClusterName, Data, DeviceName, MethodName, ModelArgument, Redraws, Table, Threads, Work
from napari_medgen.cli.reports import tell_unreadable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_medgen.models.kept import Kept
    from napari_medgen.saliency.evaluation.labelled_set import LabelTable
    from napari_medgen.saliency.model import Classifier

app = typer.Typer(no_args_is_help=True, help="Robustness and inner workings of classifiers.")

Out = Annotated[Path, typer.Option(help="Folder for the numbers (JSON) and the figure (PNG).")]
Domain = Annotated[int, typer.Option(min=0, help="Batch norm: 0 clean, 1 adversarial.")]


def _opens(name: str, device: str) -> Kept[Classifier]:
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept
    from napari_medgen.saliency.model import open_classifier

    return Kept.of(open_classifier, find_model(name), device=device)


def _load(name: str, device: str) -> Classifier:
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.saliency.model import Classifier

    return Classifier(find_model(name), choose_device(device))


def _labels(table: str) -> LabelTable | None:
    from napari_medgen.saliency.evaluation.labelled_set import LabelTable

    return LabelTable(table) if table else None


def _save(out: Path, name: str, numbers: dict[str, Any], figure: Figure) -> None:
    from napari_medgen.running.writing import write_whole
    from napari_medgen.saliency.analyses.plots import save_figure

    picture = save_figure(figure, out / f"{name}.png")
    values = out / f"{name}.json"
    write_whole(values, (json.dumps(numbers, indent=2) + "\n").encode())
    print(picture)
    print(values)


@app.command()
def robustness(
    models: Annotated[list[str], typer.Argument(help="Names of models, or their folders.")],
    data: Data,
    out: Out,
    epsilon: Annotated[list[float] | None, typer.Option(help="Radii of the attack. Repeat.")] = None,
    attacker: Annotated[
        Literal["apgd", "pgd", "fgsm"], typer.Option(help="APGD, the PGD of the paper, or a single step (FGSM).")
    ] = "apgd",
    images: Annotated[int, typer.Option(min=2, help="Images that are attacked, at most.")] = 200,
    table: Table = "",
    redraws: Redraws = 10_000,
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
    work: Work = None,
) -> None:
    """AUC against the radius of the attack, through each batch norm."""
    from napari_medgen.models.kept import opened_here
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.gathering import Gathering
    from napari_medgen.running.shards import Placement
    from napari_medgen.saliency.analyses.plots import robustness_figure
    from napari_medgen.saliency.evaluation.answers import answers
    from napari_medgen.saliency.evaluation.labelled_set import find_test_set, named
    from napari_medgen.saliency.evaluation.robustness import robustness_curve

    radii, gathering = epsilon or [0.0, 0.001, 0.0025, 0.005, 0.01], Gathering(Placement(cluster, threads), work)
    curves, numbers, unreadable = {}, {}, dict[str, str]()
    with gathering.workers():
        for model in models:
            opens = _opens(model, device)
            classifier = opened_here(opens, gathering.placement)
            own = classifier.architecture
            found = find_test_set(classifier, data, labels=_labels(table)).first(images)
            test, _ = drive_on_console(answers(opens, found, [0], gathering), classifier.name)
            unreadable |= named(test.unreadable)
            for domain, name in enumerate(own.domain_names or ("",)):
                key = f"{classifier.name}, {name} batch norm" if name else classifier.name
                steps = robustness_curve(
                    opens,
                    own.labels,
                    test,
                    radii,
                    [domain],
                    attacker=attacker,
                    redraws=redraws,
                    gathering=gathering,
                )
                curves[key] = drive_on_console(steps, key)
                numbers[key] = [
                    {"epsilon": p.epsilon, "mean_auc": p.mean_auc, "auc": {c: e.as_dict() for c, e in p.auc.items()}}
                    for p in curves[key]
                ]
    tell_unreadable(unreadable, work)
    _save(out, "robustness", {"attack": attacker, "images": images, "curves": numbers}, robustness_figure(curves))


@app.command()
def layers(
    first: ModelArgument,
    second: ModelArgument,
    data: Data,
    out: Out,
    domains: Annotated[tuple[int, int], typer.Option(help="Batch norm of the first and of the second model.")] = (0, 0),
    images: Annotated[int, typer.Option(min=4, help="Images; 196 published.")] = 196,
    table: Table = "",
    device: DeviceName = "",
) -> None:
    """Similarity (debiased linear CKA) of each layer of one model to each of another."""
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.saliency.analyses.layer_similarity import layer_similarity
    from napari_medgen.saliency.analyses.plots import similarity_figure
    from napari_medgen.saliency.evaluation.images import inputs_of
    from napari_medgen.saliency.evaluation.labelled_set import find_test_set

    one, other = _load(first, device), _load(second, device)
    inputs = inputs_of(one, find_test_set(one, data, labels=_labels(table)).first(images))
    found = drive_on_console(layer_similarity(one, other, inputs, domains=domains), "Comparing")
    names = [f"{c.name}, batch norm {d}" for c, d in zip((one, other), domains, strict=True)]
    numbers = {"first": names[0], "second": names[1], "layers": [found.first, found.second], "cka": found.matrix.tolist()}
    _save(out, "layer-similarity", numbers, similarity_figure(found, *names))


@app.command("loss-surface")
def surface(
    model: ModelArgument,
    data: Data,
    out: Out,
    index: Annotated[int, typer.Option(min=0, help="Which test image.")] = 0,
    reach: Annotated[float, typer.Option(help="Largest step to either side; 0.5 published.")] = 0.5,
    points: Annotated[int, typer.Option(min=3, help="Steps in each direction; 50 published.")] = 50,
    table: Table = "",
    device: DeviceName = "",
) -> None:
    """The loss around a test image, along its gradient's sign and along a random sign direction."""
    from napari_medgen.errors import MedGenError
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.saliency.analyses.loss_surface import loss_surface
    from napari_medgen.saliency.analyses.plots import surface_figure
    from napari_medgen.saliency.evaluation.images import inputs_of
    from napari_medgen.saliency.evaluation.labelled_set import find_test_set

    classifier = _load(model, device)
    test = find_test_set(classifier, data, labels=_labels(table))
    if index >= len(test):
        raise MedGenError(f"There are {len(test)} test images; the last is number {len(test) - 1}.")
    one = test.rows([index])
    inputs, surfaces = inputs_of(classifier, one), {}
    for domain, name in enumerate(classifier.architecture.domain_names or ("",)):
        work = loss_surface(classifier, inputs, one.targets, domain=domain, reach=reach, points=points)
        surfaces[f"{name} batch norm" if name else classifier.name] = drive_on_console(work, name or classifier.name)
    numbers = {
        "image": one.cases[0].image.stem,
        "surfaces": {
            key: {"steps": s.along_gradient.tolist(), "loss": s.loss.tolist(), "steepest": s.steepest}
            for key, s in surfaces.items()
        },
    }
    _save(out, "loss-surface", numbers, surface_figure(surfaces))


@app.command()
def randomisation(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG or DICOM.")],
    out: Out,
    model: Annotated[str, typer.Option(help="Name of a model, or its folder.")] = "chest-pneumonia",
    label: Annotated[str, typer.Option("--class", help="Class; the most probable one by default.")] = "",
    method: MethodName = "gradient",
    domain: Domain = 0,
    device: DeviceName = "",
) -> None:
    """How much of a map is left when the weights are shuffled, layer after layer (Adebayo 2018)."""
    from napari_medgen.imaging.files import read_radiograph
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.saliency.analyses.plots import survival_figure
    from napari_medgen.saliency.analyses.randomisation import randomisation_test
    from napari_medgen.saliency.request import ExplainRequest

    classifier = _load(model, device)
    request = ExplainRequest(label, domain, method)
    found = drive_on_console(randomisation_test(classifier, read_radiograph(image), request), "Shuffling")
    _save(out, "randomisation", {"model": classifier.name, "layers": [vars(one) for one in found]}, survival_figure(found))
