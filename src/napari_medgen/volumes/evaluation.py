"""Measure a volume model on real data: reconstruction, diversity, feature distance, memorisation, speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import Figure
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.features import NETWORK, kernel_distance, volume_features
from napari_medgen.volumes.generator import SampleRequest, VolumeGenerator
from napari_medgen.volumes.similarity import ms_ssim, psnr, ssim
from napari_medgen.volumes.training.dataset import find_cases, held_out, load_case
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe

Report = dict[str, Any]
Arrays = list[NDArray[np.float32]]


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
    kept_aside = held_out([case.subject for case in cases], recipe.validation)
    total = len(cases) + count + 3 * pairs + len(cases) + count
    done = 0
    real: Arrays = []
    for case in cases:
        placed, _ = load_case(case, recipe).oriented(generator.architecture.axes)
        real.append(np.ascontiguousarray(placed))
        done += 1
        yield Progress(done, total, f"Reading {case.image.name}")
    chosen = [i for i, case in enumerate(cases) if case.subject in kept_aside] or list(range(len(cases)))
    reconstruction = [_reconstruct(generator, real[i]) for i in chosen]
    made: Arrays = []
    nearest, seconds = [], []
    for index in range(count):
        draw = SampleRequest(request.seed + index, request.sampler, request.steps, request.eta)
        sample = yield from _quietly(generator.sample(draw), done, total, f"Sampling {index + 1} of {count}")
        made.append(_to_unit(generator.to_network(sample.volume)))
        nearest.append(sample.nearest)
        seconds.append(sample.seconds)
        done += 1
        yield Progress(done, total, f"Sampled {index + 1} of {count}")
    diversity: Report = {}
    for name, volumes in (("synthetic", made), ("real", real)):
        chosen_pairs = _pairs(len(volumes), pairs)
        values: dict[str, list[float]] = {"standard": [], "published": []}
        for a, b in chosen_pairs:
            values["standard"].append(ms_ssim(volumes[a], volumes[b]))
            values["published"].append(ms_ssim(volumes[a], volumes[b], variant="published"))
            done += 1
            yield Progress(done, total, f"Comparing {name} pairs")
        diversity[name] = {key: _mean(value) for key, value in values.items()} | {"pairs": len(chosen_pairs)}
    features = {}
    for name, volumes in (("synthetic", made), ("real", real)):
        rows = []
        for volume in volumes:
            rows.append(volume_features(volume))
            done += 1
            yield Progress(min(done, total), total, f"Features of {name} volumes")
        features[name] = np.stack(rows)
    report: Report = {
        "model": generator.folder.name,
        "checksum": generator.folder.card.checksum,
        "device": generator.device.label,
        "sampler": request.sampler,
        "steps": generator.calls(request),
        "reconstruction": {
            "psnr_db": _mean([r[0] for r in reconstruction]),
            "ssim": _mean([r[1] for r in reconstruction]),
            "volumes": len(chosen),
            "held_out": bool(kept_aside),
        },
        "ms_ssim": diversity,
        "kernel_distance": {
            "network": NETWORK,
            "synthetic_to_real": kernel_distance(features["synthetic"], features["real"]),
            "real_to_real_halves": _halves(features["real"]),
            "synthetic": count,
            "real": len(real),
        },
        "seconds_per_volume": _mean(seconds),
        "speed": measure_speed(generator),
    }
    if known := [n for n in nearest if n is not None]:
        report["memorisation"] = {
            "near_copies": sum(n.percentile < 5 for n in known) / len(known),
            "median_distance": float(np.median([n.distance for n in known])),
            "median_percentile": float(np.median([n.percentile for n in known])),
            "median_real_to_real": float(np.median(generator.reference.between)) if generator.reference else None,
            "volumes": len(known),
        }
    return report


def measure_speed(generator: VolumeGenerator) -> dict[str, float]:
    """Seconds of one denoiser step and of one decoding on the generator's device, best of three, and of the device's
    reference convolution.
    """
    shape, place = generator.architecture.latent_shape, generator.device.torch
    x = torch.zeros(1, *shape, device=place)
    denoise = generator._denoise(SampleRequest())

    def best(work: Any) -> float:
        work()
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
        return min(times)

    return {
        "seconds_per_step": best(lambda: denoise(x, 0)),
        "seconds_per_decoding": best(lambda: generator._decode(x)),
        "reference_convolution": generator.device.convolution_seconds,
    }


def figures(report: Report) -> dict[str, Figure]:
    """What a card keeps of a report."""
    how = f"{report['sampler']}, {report['steps']} steps, {report['device']}"
    reconstruction, diversity = report["reconstruction"], report["ms_ssim"]
    split = "held-out" if reconstruction["held_out"] else "training"
    on = f"{reconstruction['volumes']} {split} volumes"
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


def _to_unit(image: torch.Tensor) -> NDArray[np.float32]:
    return image[0, 0].clamp(-1, 1).cpu().numpy()


@torch.no_grad()
def _reconstruct(generator: VolumeGenerator, volume: NDArray[np.float32]) -> tuple[float, float]:
    image = torch.from_numpy(volume)[None, None].to(generator.device.torch)
    with generator.device.autocast():
        latent = generator.autoencoder.encode(image)
    made = generator._decode(latent.float()).clamp(-1, 1)[0, 0].float().cpu().numpy()
    return psnr(made, volume), ssim(made, volume)


def _quietly(steps: Steps[Any], done: int, total: int, message: str) -> Steps[Any]:
    """Pass a computation's steps on without moving the bar."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
        yield Progress(done, total, message)


def _pairs(count: int, wanted: int) -> list[tuple[int, int]]:
    every = [(a, b) for a in range(count) for b in range(a + 1, count)]
    if len(every) <= wanted:
        return every
    rng = np.random.default_rng(0)
    return [every[i] for i in rng.choice(len(every), wanted, replace=False)]


def _halves(features: NDArray[np.float64]) -> float | None:
    """Mean kernel distance of ten random halves: what two sets of real volumes of half the size score."""
    if len(features) < 4:
        return None
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(features)) for _ in range(10)]
    half = len(features) // 2
    return _mean([kernel_distance(features[o[:half]], features[o[half:]]) for o in orders])


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
