"""Measure a volume model on real data: reconstruction, diversity, feature distance, memorisation, speed."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import Figure
from napari_medgen.running.devices import synchronise
from napari_medgen.running.progress import Progress, Steps, mapped
from napari_medgen.statistics.bootstrap import group_indices
from napari_medgen.statistics.distribution import kernel_distance
from napari_medgen.volumes.copy_check import TrainingReference
from napari_medgen.volumes.evaluation.features import NETWORK, volume_features
from napari_medgen.volumes.evaluation.similarity import Variant, ms_ssim, psnr, ssim
from napari_medgen.volumes.model import Sample, VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.dataset import Case, find_cases, held_out, load_case
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe

_MOST_FEATURES = 60
_SHARE = 0.25  # of the free memory that prepared volumes may take

Report = dict[str, Any]
Arrays = Sequence[NDArray[np.float32]]


def evaluate_volumes(
    generator: VolumeGenerator, data: Path, *, count: int = 20, pairs: int = 100, request: SampleRequest | None = None
) -> Steps[Report]:
    """Measure a model.

    Parameters
    ----------
    data
        Folder laid out as the model's recipe says; for an imported model, any folder of NIfTI files.
    count
        Volumes to sample, seeds from 0.
    pairs
        Random pairs for each MS-SSIM; fewer where there are not so many.
    request
        Sampler and steps.

    Yields
    ------
    Progress
        A step a volume or pair.

    Returns
    -------
    dict
        Numbers by name, each with the count it was measured on.

    Raises
    ------
    RecipeError
        If the folder holds fewer than two volumes.
    """
    request = request or SampleRequest()
    recipe = _data_recipe(generator)
    cases = find_cases(recipe, (), data)
    if len(cases) < 2:
        raise RecipeError(f"{data} holds fewer than two volumes; an evaluation needs more.")
    subjects = [case.subject for case in cases]
    kept_aside = held_out(subjects, recipe.validation, recipe.held_out)
    people = group_indices(subjects)
    real = _Prepared(generator, cases, recipe)
    chosen = [i for i, case in enumerate(cases) if case.subject in kept_aside] or list(range(len(cases)))
    samples = yield from _sample(generator, request, count)
    made = [generator.to_network(sample.volume)[0, 0].clamp(-1, 1).cpu().numpy() for sample in samples]
    report: Report = {
        "model": generator.folder.name,
        "people": len(set(subjects)),
        "checksum": generator.folder.card.checksum,
        "device": generator.computing(request).label,
        "sampler": request.sampler,
        "steps": generator.steps(request),
        "reconstruction": (yield from _reconstruction(generator, real, chosen, people[chosen])),
        "ms_ssim": {
            "synthetic": (yield from _diversity(made, np.arange(len(made)), pairs, "synthetic")),
            "real": (yield from _diversity(real, people, pairs, "real")),
        },
        "kernel_distance": (yield from _distance(made, real, people)),
        "seconds_per_volume": _mean([sample.seconds for sample in samples]),
        "speed": measure_speed(generator),
    }
    report["reconstruction"]["held_out"] = bool(kept_aside)
    if generator.reference is not None:
        report["memorisation"] = _memorisation(samples, generator.reference)
    return report


class _Prepared(Sequence[NDArray[np.float32]]):
    """Prepared volumes (D, H, W) of cases, read when they are asked for; all are kept where they fit in memory.

    Parameters
    ----------
    generator
        In whose axes they are.
    """

    def __init__(self, generator: VolumeGenerator, cases: list[Case], recipe: DataRecipe) -> None:
        self._axes, self._cases, self._recipe = generator.architecture.axes, cases, recipe
        room = _SHARE * psutil.virtual_memory().available / (4 * math.prod(recipe.shape))
        self._one = functools.lru_cache(maxsize=max(int(room), 2))(self._load)

    def __len__(self) -> int:
        return len(self._cases)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.float32]: ...

    @overload
    def __getitem__(self, place: slice) -> list[NDArray[np.float32]]: ...

    def __getitem__(self, place: int | slice) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        if isinstance(place, slice):
            return [self._one(index) for index in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._one(int(place))

    def _load(self, index: int) -> NDArray[np.float32]:
        placed, _ = load_case(self._cases[index], self._recipe).oriented(self._axes)
        return np.ascontiguousarray(placed, np.float32)


def _sample(generator: VolumeGenerator, request: SampleRequest, count: int) -> Steps[list[Sample]]:
    samples: list[Sample] = []
    for index in range(count):
        steps = generator.sample(replace(request, seed=request.seed + index))
        shown = Progress(index, count, f"Sampling {index + 1} of {count}")
        samples.append((yield from mapped(steps, functools.partial(_always, shown))))
    return samples


def _always(shown: Progress, _: Progress) -> Progress:
    """One progress in the place of any other: many steps of one volume are one step here."""
    return shown


@torch.no_grad()
def _reconstruct(generator: VolumeGenerator, volume: NDArray[np.float32]) -> NDArray[np.float32]:
    image = torch.from_numpy(volume)[None, None].to(generator.device.torch)
    with generator.computing().autocast():
        latent = generator.autoencoder.encode(image)
    made: NDArray[np.float32] = generator.decode(latent.float())[0, 0].cpu().numpy()
    return made


def _reconstruction(
    generator: VolumeGenerator, volumes: Arrays, chosen: list[int], people: NDArray[np.intp]
) -> Steps[Report]:
    """Means over people: of one with many volumes, each counts less."""
    weights = 1 / np.bincount(people)[people]
    values: dict[str, list[float]] = {"psnr_db": [], "ssim": []}
    for index, place in enumerate(chosen):
        volume = volumes[place]
        made = _reconstruct(generator, volume)
        values["psnr_db"].append(psnr(made, volume))
        values["ssim"].append(ssim(made, volume))
        yield Progress(index + 1, len(chosen), "Reconstructing")
    means: Report = {name: float(np.average(value, weights=weights)) for name, value in values.items()}
    return means | {"volumes": len(chosen), "people": len(set(people.tolist()))}


def _diversity(volumes: Arrays, people: NDArray[np.intp], wanted: int, kind: str) -> Steps[Report]:
    pairs = _pairs(people, wanted)
    values: dict[Variant, list[float]] = {"standard": [], "published": []}
    for index, (a, b) in enumerate(pairs):
        for variant, row in values.items():
            row.append(ms_ssim(volumes[a], volumes[b], variant=variant))
        yield Progress(index + 1, len(pairs), f"Comparing pairs of {kind} volumes")
    return {variant: _mean(row) for variant, row in values.items()} | {"pairs": len(pairs)}


def _distance(made: Arrays, real: Arrays, people: NDArray[np.intp]) -> Steps[Report]:
    """Kernel distance of at most ``_MOST_FEATURES`` volumes of each kind; features take a second or so each."""
    order = np.random.default_rng(0).permutation(len(real))[:_MOST_FEATURES]
    made, people = made[:_MOST_FEATURES], people[order]
    rows: list[NDArray[np.float64]] = []
    for volume in itertools.chain(made, (real[int(i)] for i in order)):
        rows.append(volume_features(volume))
        yield Progress(len(rows), len(made) + len(order), "Features")
    features = np.stack(rows)
    synthetic, known = features[: len(made)], features[len(made) :]
    return {
        "network": NETWORK,
        "synthetic_to_real": kernel_distance(synthetic, known),
        "real_to_real_halves": _halves(known, people),
        "synthetic": len(made),
        "real": len(order),
    }


def _memorisation(samples: list[Sample], reference: TrainingReference) -> Report:
    nearest = [sample.nearest for sample in samples if sample.nearest is not None]
    return {
        "near_copies": sum(n.percentile < 5 for n in nearest) / len(nearest),
        "median_distance": float(np.median([n.distance for n in nearest])),
        "median_percentile": float(np.median([n.percentile for n in nearest])),
        "median_real_to_real": float(np.median(reference.between)),
        "volumes": len(nearest),
    }


def measure_speed(generator: VolumeGenerator) -> dict[str, float]:
    """Seconds of one denoiser step and of one decoding on the generator's device, best of three, and of the device's
    reference convolution.
    """
    shape, place = generator.architecture.latent_shape, generator.device.torch
    x = torch.zeros(1, *shape, device=place)
    denoise = generator.denoise(SampleRequest())

    def best(work: Any) -> float:
        work()
        times = []
        for _ in range(3):
            synchronise(place)
            begun = time.perf_counter()
            work()
            synchronise(place)
            times.append(time.perf_counter() - begun)
        return min(times)

    return {
        "seconds_per_step": best(lambda: denoise(x, 0)),
        "seconds_per_decoding": best(lambda: generator.decode(x)),
        "reference_convolution": generator.computing().convolution_seconds,
    }


def figures(report: Report) -> dict[str, Figure]:
    """What a card keeps of a report."""
    how = f"{report['sampler']}, {report['steps']} steps, {report['device']}"
    reconstruction, diversity = report["reconstruction"], report["ms_ssim"]
    split = "held-out" if reconstruction["held_out"] else "training"
    on = f"{reconstruction['volumes']} {split} volumes of {reconstruction['people']} people"
    speed, distance = report["speed"], report["kernel_distance"]
    rows = {
        "reconstruction PSNR": Figure(value=reconstruction["psnr_db"], unit="dB", note=on),
        "reconstruction SSIM": Figure(value=reconstruction["ssim"], note=on),
        "MS-SSIM of synthetic pairs": Figure(
            value=diversity["synthetic"]["standard"], note=f"standard, {diversity['synthetic']['pairs']} pairs, {how}"
        ),
        "MS-SSIM of real pairs": Figure(
            value=diversity["real"]["standard"], note=f"standard, {diversity['real']['pairs']} pairs"
        ),
        "kernel distance": Figure(
            value=distance["synthetic_to_real"],
            note=f"{distance['synthetic']} synthetic, {distance['real']} real; {distance['network']}; {how}",
        ),
        "seconds per volume": Figure(value=report["seconds_per_volume"], unit="s", note=how),
        "seconds per step": Figure(value=speed["seconds_per_step"], unit="s", note=report["device"]),
        "seconds per decoding": Figure(value=speed["seconds_per_decoding"], unit="s", note=report["device"]),
        "seconds of the reference convolution": Figure(
            value=speed["reference_convolution"], unit="s", note="scales the time estimates"
        ),
    }
    if "memorisation" in report:
        copies = report["memorisation"]
        rows["near copies"] = Figure(
            value=copies["near_copies"],
            note=f"share of {copies['volumes']} samples closer to a training volume than 95 % of these are to each other",
        )
    return rows


def _data_recipe(generator: VolumeGenerator) -> DataRecipe:
    if generator.folder.card.recipe:
        return Recipe.model_validate(generator.folder.card.recipe).data
    architecture = generator.architecture
    order = [next(i for i, c in enumerate(architecture.axes) if c in pair) for pair in ("SI", "AP", "LR")]
    s, p, l = order
    sides, steps = architecture.shape, architecture.spacing
    shape, spacing = (sides[s], sides[p], sides[l]), (steps[s], steps[p], steps[l])
    return DataRecipe(shape=shape, spacing=spacing, centre="foreground", validation=0)


def _pairs(people: NDArray[np.intp], wanted: int) -> list[tuple[int, int]]:
    """Pairs of volumes of different people, at most so many."""
    every = [(a, b) for a in range(len(people)) for b in range(a + 1, len(people)) if people[a] != people[b]]
    if len(every) <= wanted:
        return every
    rng = np.random.default_rng(0)
    return [every[i] for i in rng.choice(len(every), wanted, replace=False)]


def _halves(features: NDArray[np.float64], people: NDArray[np.intp]) -> float | None:
    """Mean kernel distance of ten random halves of the people: what two sets of real volumes of half the size score."""
    who = np.unique(people)
    if len(who) < 4:
        return None
    rng = np.random.default_rng(0)
    distances = []
    for _ in range(10):
        first = np.isin(people, rng.permutation(who)[: len(who) // 2])
        distances.append(kernel_distance(features[first], features[~first]))
    return _mean(distances)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
