"""What studies are made of: samples, follow-ups and maps of the three systems, beside real images."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medgen.errors import MedGenError
from napari_medgen.running.progress import Progress, Steps

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.imaging.volume import Volume
    from napari_medgen.study.case_table import NewCase
    from napari_medgen.volumes.model import VolumeGenerator

T = TypeVar("T")
Loader = Callable[[], "Volume"]
_SEEDS = 2**31


def sampled_cases(
    model: str, data: Path | None, count: int, *, truth: str, device: str, steps: int = 20, seeds: Sequence[int] = ()
) -> Steps[list[NewCase]]:
    """Samples of a model, and as many real volumes where a folder of them is given, all alike but for the image.

    Parameters
    ----------
    truth
        The yes-or-no question whose right answer is yes for a real volume; empty where nothing is asked of that.
    seeds
        Of the samples; drawn at random by default, so that nobody can sample the same ones and know them again.
    """
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.study.case_table import NewCase
    from napari_medgen.study.material import alike
    from napari_medgen.volumes.model import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    generator = VolumeGenerator(find_model(model), choose_device(device))
    real = _real_volumes(generator, data) if data is not None else []
    wanted = count // 2 if real else 0
    if len(real) < wanted:
        raise MedGenError(f"{data} holds {len(real)} volumes; a study of {count} cases needs {wanted}.")
    made = count - wanted
    drawn = list(seeds) or [secrets.randbelow(_SEEDS) for _ in range(made)]
    cases: list[NewCase] = []
    like: Volume | None = None
    for number, seed in enumerate(drawn):
        sample = yield from _counted(generator.sample(SampleRequest(seed, steps=steps)), number, count, "Sampling")
        like = like or sample.volume
        (volume,) = alike([sample.volume], like)
        cases.append(NewCase(volume, {truth: False} if truth else {}, source=f"{model}, seed {seed}, {steps} steps"))
    for number, (name, load) in enumerate(secrets.SystemRandom().sample(real, wanted)):
        yield Progress(made + number, count, "Reading real volumes")
        (volume,) = alike([load()], like) if like is not None else (load(),)
        cases.append(NewCase(volume, {truth: True} if truth else {}, source=name))
    return cases


def _real_volumes(generator: VolumeGenerator, data: Path) -> list[tuple[str, Loader]]:
    """The volumes of a folder: prepared as the model's training data were where it is laid out so, else as they are."""
    from functools import partial

    from napari_medgen.errors import RecipeError
    from napari_medgen.imaging.files import images_in, kind_of, read_volume
    from napari_medgen.volumes.training.dataset import find_cases, load_case
    from napari_medgen.volumes.training.recipe import Recipe

    told = generator.folder.card.recipe
    if told:
        recipe = Recipe.model_validate(told).data
        try:
            return [(case.image.name, partial(load_case, case, recipe)) for case in find_cases(recipe, (), data)]
        except RecipeError:
            pass  # a folder of another layout: its volumes as they are
    return [(path.name, partial(read_volume, path)) for path in images_in(data) if kind_of(path) == "volume"]


def followed_cases(model: str, data: Path | None, count: int, months: float, device: str) -> Steps[list[NewCase]]:
    """Knee radiographs, each with the follow-up that a model predicts as its aid."""
    from napari_medgen.cli.progression import open_extrapolator
    from napari_medgen.progression.forecast import Forecast
    from napari_medgen.progression.trajectories import ExtrapolationRequest
    from napari_medgen.study.case_table import NewCase

    extrapolator = open_extrapolator(model, device=device)
    cases: list[NewCase] = []
    refused: list[str] = []
    for read in _radiographs(data, "knee"):
        if len(cases) == count:
            break
        image = read()
        try:
            projected = yield from _counted(extrapolator.project(image), len(cases), count, "Projecting")
        except MedGenError as error:
            refused.append(str(error).rstrip("."))
            continue
        if projected.doubts:
            refused.append(f"{image.name}: {projected.doubts[0]}")
            continue
        asked = ExtrapolationRequest((months,))
        prediction = yield from _counted(extrapolator.look_ahead(projected, asked), len(cases), count, "Looking ahead")
        forecast = Forecast(extrapolator, projected, prediction)
        source = f"{image.name}; follow-up at {months:g} months by {model}"
        baseline, later = forecast.baseline_radiograph(), forecast.radiograph(len(prediction.months) - 1)
        cases.append(NewCase(_eight_bits(baseline), aid=_eight_bits(later), source=source))
    _require(cases, count, refused)
    return cases


def _eight_bits(image: Radiograph) -> Radiograph:
    """A picture in 256 grey values, as a network sees it: its window says more to a reader than 65,536."""
    from dataclasses import replace

    import numpy as np

    return replace(image, pixels=np.rint(image.grey() * 255).astype(np.uint8), window=(0.0, 255.0))


def mapped_cases(
    models: Sequence[str], arms: Sequence[str], data: Path | None, count: int, device: str
) -> Steps[list[NewCase]]:
    """Radiographs, each with the maps of several models over it, all of the class that the first model finds likeliest."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.saliency.request import ExplainRequest
    from napari_medgen.study.case_table import NewCase

    classifiers = [Classifier(find_model(name), choose_device(device)) for name in models]
    cases: list[NewCase] = []
    refused: list[str] = []
    for read in _radiographs(data, "knee" if "knee" in models[0] else "chest"):
        if len(cases) == count:
            break
        yield Progress(len(cases), count, "Explaining")
        image = read()
        looks = [classifier.look(image, explain=True) for classifier in classifiers]
        if doubts := [doubt for look in looks for doubt in look.doubts]:
            refused.append(f"{image.name}: {doubts[0]}")
            continue
        label = looks[0].map(ExplainRequest()).label
        maps = {arm: look.map(ExplainRequest(label)).values for arm, look in zip(arms, looks, strict=True)}
        cases.append(NewCase(image, maps=maps, source=f"{image.name}, explained for {label}"))
    _require(cases, count, refused)
    return cases


def _radiographs(data: Path | None, kind: str) -> list[Callable[[], Radiograph]]:
    """Those of a folder, in an order drawn at random; without one, those that ship inside, which are of nobody."""
    from functools import partial
    from importlib.resources import files

    from napari_medgen.imaging.files import radiographs_in, read_radiograph

    if data is None:
        inside = files("napari_medgen.samples")
        names = [one.name for one in inside.iterdir() if one.name.startswith(kind) and one.name.endswith(".png")]
        return [partial(read_radiograph, Path(str(inside.joinpath(name)))) for name in sorted(names)]
    found = radiographs_in(data)
    return [partial(read_radiograph, path) for path in secrets.SystemRandom().sample(found, len(found))]


def _require(cases: Sequence[object], count: int, refused: Sequence[str]) -> None:
    if not cases:
        why = f" {refused[0]}" if refused else ""
        raise MedGenError(f"No image can be used for this study.{why}")
    if len(cases) < count:
        more = f" {len(refused)} were refused, the first is {refused[0]}" if refused else ""
        from napari_medgen.running.console import warn

        warn([f"There are {len(cases)} cases, not {count}: no more images can be used.{more}"])


def _counted(steps: Steps[T], number: int, count: int, what: str) -> Steps[T]:
    """A computation whose every step says which case it is of."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield Progress(number, count, what)
