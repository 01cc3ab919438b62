"""Measure a volume model on real data: reconstruction, diversity, feature distance, memorisation, speed."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ClusterError, RecipeError
from napari_medgen.models.card import Figure
from napari_medgen.models.kept import Opens, computed_with, opened_here
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import Steps
from napari_medgen.running.shards import Shard
from napari_medgen.running.stamps import file_stamp, fingerprint
from napari_medgen.running.writing import make_folder
from napari_medgen.statistics.bootstrap import group_indices
from napari_medgen.statistics.distribution import kernel_distance
from napari_medgen.volumes.copy_check import TrainingReference
from napari_medgen.volumes.evaluation.features import NETWORK
from napari_medgen.volumes.evaluation.pieces import Compares, Describes, Prepares, Reconstructs, Samples, Times
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.dataset import find_cases, held_out
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe

_MOST_FEATURES = 60
_PAIRS_AT_ONCE = 10
_FEW = 1000  # volumes whose pairs are all listed

Report = dict[str, Any]


def evaluate_volumes(
    opens: Opens[VolumeGenerator],
    data: Path,
    *,
    count: int = 20,
    pairs: int = 100,
    request: SampleRequest | None = None,
    gathering: Gathering | None = None,
) -> Steps[Report]:
    """Measure a model. One volume is in memory at a time; one that cannot be read is named and left out.

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
    gathering
        Where volumes are made and compared; the folder of notes gets the volumes too, and workers must see it.

    Yields
    ------
    Progress
        A step a volume or some pairs.

    Returns
    -------
    dict
        Numbers by name, each with the count it was measured on.

    Raises
    ------
    RecipeError
        If the folder holds fewer than two volumes.
    ClusterError
        If others compute and there is no folder of notes.
    """
    request, gathering = request or SampleRequest(), gathering or Gathering()
    if gathering.notes is None and not gathering.placement.here:
        raise ClusterError("Volumes are evaluated on a cluster in a folder that all workers see: --work DIR.")
    generator = opened_here(opens, gathering.placement)
    with contextlib.ExitStack() as at_last:
        at_last.enter_context(gathering.workers())
        folder = gathering.notes or Path(at_last.enter_context(tempfile.TemporaryDirectory(prefix="napari-medgen-")))
        measuring = _Measuring(opens, generator, data, folder.resolve(), gathering)
        return (yield from measuring.report(request, count, pairs))


class _Measuring:
    """An evaluation: the real volumes of a folder, and what each part of the report needs of them.

    Parameters
    ----------
    generator
        The model in this process, which may not be the one that computes.
    folder
        Of volumes.
    """

    def __init__(
        self, opens: Opens[VolumeGenerator], generator: VolumeGenerator, data: Path, folder: Path, gathering: Gathering
    ) -> None:
        self._opens, self._folder, self._gathering = opens, folder, gathering
        self._card, self._reference = generator.folder.card, generator.reference
        self._name, self._axes = generator.folder.name, generator.architecture.axes
        self._recipe = _data_recipe(generator)
        self._cases = find_cases(self._recipe, (), data.resolve())
        if len(self._cases) < 2:
            raise RecipeError(f"{data} holds fewer than two volumes; an evaluation needs more.")
        self._subjects = [case.subject for case in self._cases]
        self._people = group_indices(self._subjects)
        self._unreadable: dict[str, str] = {}

    def report(self, request: SampleRequest, count: int, pairs: int) -> Steps[Report]:
        """All that is measured."""
        samples = yield from self._samples(request, count)
        unkept = replace(self._gathering, notes=None)  # another machine, or another hour, has another speed
        computing = yield from gather(Times(self._opens), [Shard("speed", request)], unkept, [], "Measuring speed")
        reconstruction = yield from self._reconstruction()
        made = [sample["file"] for sample in samples]
        real_pairs = draw_pairs(self._people, pairs)
        order = np.random.default_rng(0).permutation(len(self._cases))[:_MOST_FEATURES].tolist()
        real = yield from self._prepared(sorted({*order, *itertools.chain(*real_pairs)}))
        if any(row not in real for pair in real_pairs for row in pair):  # drawn anew among those that can be used
            rows = sorted(real)
            real_pairs = [(rows[a], rows[b]) for a, b in draw_pairs(self._people[rows], pairs)]
        synthetic = yield from self._diversity(draw_pairs(np.arange(count), pairs), dict(enumerate(made)), "synthetic")
        diversity = {"synthetic": synthetic, "real": (yield from self._diversity(real_pairs, real, "real"))}
        report: Report = {
            "model": self._name,
            "people": len(set(self._subjects)),
            "checksum": self._card.checksum,
            "device": computing[0]["device"],
            "sampler": request.sampler,
            "steps": computing[0]["steps"],
            "reconstruction": reconstruction,
            "ms_ssim": diversity,
            "kernel_distance": (yield from self._distance(made, [i for i in order if i in real], real)),
            "seconds_per_volume": _mean([sample["seconds"] for sample in samples]),
            "speed": computing[0]["speed"],
            "unreadable": self._unreadable,
        }
        if self._reference is not None:
            report["memorisation"] = _memorisation(samples, self._reference)
        return report

    def _gather(self, work: Any, pieces: list[Shard[Any]], doing: str, *more: Any) -> Steps[list[Any]]:
        plan = [*computed_with(self._opens), *more]
        return (yield from gather(work, pieces, self._gathering, plan, doing, _file_is_there))

    def _samples(self, request: SampleRequest, count: int) -> Steps[list[dict[str, Any]]]:
        own = make_folder(self._folder / f"samples-{fingerprint([*computed_with(self._opens), str(request)])[:12]}")
        requests = [replace(request, seed=request.seed + index) for index in range(count)]
        pieces = [Shard(f"seed {one.seed}", one) for one in requests]
        return (yield from self._gather(Samples(self._opens, own), pieces, "Sampling"))

    def _prepared(self, rows: list[int]) -> Steps[dict[int, str]]:
        """Files of real volumes by their numbers."""
        how = self._recipe.model_dump(mode="json")
        own = make_folder(self._folder / f"real-{fingerprint([how, self._axes])[:12]}")
        pieces = [Shard(f"volume {row + 1}", (row, self._cases[row], self._stamp(row))) for row in rows]
        work = Prepares(self._recipe, self._axes, own)
        found = yield from self._gather(work, pieces, "Preparing real volumes", how, self._axes)
        self._tell_unreadable(rows, found)
        return {row: one["file"] for row, one in zip(rows, found, strict=True) if "file" in one}

    def _reconstruction(self) -> Steps[Report]:
        """Means over people: of one with many volumes, each counts less."""
        kept_aside = held_out(self._subjects, self._recipe.validation, self._recipe.held_out)
        rows = [i for i, subject in enumerate(self._subjects) if subject in kept_aside] or list(range(len(self._cases)))
        pieces = [Shard(f"volume {row + 1}", (self._cases[row], self._stamp(row))) for row in rows]
        work = Reconstructs(self._opens, self._recipe)
        found = yield from self._gather(work, pieces, "Reconstructing", self._recipe.model_dump(mode="json"))
        self._tell_unreadable(rows, found)
        kept = [(row, one) for row, one in zip(rows, found, strict=True) if "failed" not in one]
        if not kept:
            raise RecipeError(f"No volume can be used. {next(iter(self._unreadable.values()))}")
        people = self._people[[row for row, _ in kept]]
        weights = 1 / np.bincount(people)[people]
        means = {name: float(np.average([one[name] for _, one in kept], weights=weights)) for name in ("psnr_db", "ssim")}
        return means | {"volumes": len(kept), "people": len(set(people.tolist())), "held_out": bool(kept_aside)}

    def _diversity(self, pairs: list[tuple[int, int]], files: dict[int, str], kind: str) -> Steps[Report]:
        known = [(files[a], files[b]) for a, b in pairs if a in files and b in files]
        parts = [known[i : i + _PAIRS_AT_ONCE] for i in range(0, len(known), _PAIRS_AT_ONCE)]
        pieces = [Shard(f"pairs from {number * _PAIRS_AT_ONCE + 1}", part) for number, part in enumerate(parts)]
        found = yield from self._gather(Compares(), pieces, f"Comparing {kind} volumes")
        rows = [row for part in found for row in part]
        return {
            "standard": _mean([row[0] for row in rows]),
            "published": _mean([row[1] for row in rows]),
            "pairs": len(rows),
        }

    def _distance(self, made: list[str], order: list[int], files: dict[int, str]) -> Steps[Report]:
        """Kernel distance of at most ``_MOST_FEATURES`` volumes of each kind; features take a second or so each."""
        made = made[:_MOST_FEATURES]
        every = [*made, *(files[row] for row in order)]
        pieces = [Shard(Path(file).stem, file) for file in every]
        features = np.asarray((yield from self._gather(Describes(), pieces, "Features")))
        synthetic, known = features[: len(made)], features[len(made) :]
        return {
            "network": NETWORK,
            "synthetic_to_real": kernel_distance(synthetic, known),
            "real_to_real_halves": _halves(known, self._people[order]),
            "synthetic": len(made),
            "real": len(order),
        }

    def _tell_unreadable(self, rows: list[int], found: list[dict[str, Any]]) -> None:
        for row, one in zip(rows, found, strict=True):
            if "failed" in one:
                self._unreadable[self._cases[row].name] = one["failed"]

    def _stamp(self, row: int) -> Any:
        case = self._cases[row]
        return [file_stamp(case.image), file_stamp(case.mask)]


def _file_is_there(result: Any) -> bool:
    return not isinstance(result, dict) or "file" not in result or Path(result["file"]).is_file()


def _memorisation(samples: list[dict[str, Any]], reference: TrainingReference) -> Report:
    nearest = [sample["nearest"] for sample in samples if sample["nearest"] is not None]
    return {
        "near_copies": sum(n["percentile"] < 5 for n in nearest) / len(nearest),
        "median_distance": float(np.median([n["distance"] for n in nearest])),
        "median_percentile": float(np.median([n["percentile"] for n in nearest])),
        "median_real_to_real": float(np.median(reference.between)),
        "volumes": len(nearest),
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


def draw_pairs(people: NDArray[np.intp], wanted: int) -> list[tuple[int, int]]:
    """Pairs of volumes of different people, at most so many."""
    count, rng = len(people), np.random.default_rng(0)
    if count <= _FEW:
        every = [(a, b) for a in range(count) for b in range(a + 1, count) if people[a] != people[b]]
        return every if len(every) <= wanted else [every[i] for i in rng.choice(len(every), wanted, replace=False)]
    drawn: dict[tuple[int, int], None] = {}
    for _ in range(100 * wanted):  # of so many volumes, nearly every pair is new and of two people
        a, b = sorted(rng.integers(count, size=2).tolist())
        if people[a] != people[b]:
            drawn[a, b] = None
        if len(drawn) == wanted:
            break
    return list(drawn)


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
