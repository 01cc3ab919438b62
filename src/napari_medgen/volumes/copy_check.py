"""How close a sample is to a training volume, so that a copy is seen.

A generator trained on few people can repeat them. Each model folder therefore carries a compact descriptor of every
training volume: grey values averaged to at most sixteen boxes an axis, mean removed, length one. The distance of two
volumes is one minus the correlation of their descriptors: 0 for the same volume, 1 for unrelated ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BOXES = 16


def describe(volume: NDArray[np.floating]) -> NDArray[np.float32]:
    """Descriptor (K,) of a volume (D, H, W); its sides are cut to multiples of the box."""
    boxes = [-(-n // _BOXES) for n in volume.shape]
    cut = volume[tuple(slice(0, n // b * b) for n, b in zip(volume.shape, boxes, strict=True))].astype(np.float32)
    shape = [part for n, b in zip(cut.shape, boxes, strict=True) for part in (n // b, b)]
    means = cut.reshape(shape).mean(axis=(1, 3, 5)).ravel()
    centred = means - means.mean()
    unit: NDArray[np.float32] = centred / max(float(np.linalg.norm(centred)), 1e-12)
    return unit


@dataclass(frozen=True)
class Nearest:
    """The training volume that a sample is most like.

    Attributes
    ----------
    name
        Of the training volume; its mirror image counts as well where the model was trained on both.
    distance
        One minus correlation.
    percentile
        Share of training volumes, in percent, whose nearest training volume of another person is closer than this. Near
        zero: the sample is closer to a training volume than real people are to each other, and may be a copy.
    """

    name: str
    distance: float
    percentile: float

    @property
    def explanation(self) -> str:
        """What distance and percentile mean for this sample."""
        return (
            f"Most like the training volume {self.name}, at a distance of {self.distance:.3f} (one minus correlation; 0 is "
            f"a copy). {self.percentile:.0f} % of the training volumes are closer than that to one of another person."
        )

    @property
    def record(self) -> str:
        """For the provenance: verdict, distance and percentile."""
        return f"{self.verdict} (nearest {self.name}, distance {self.distance:.3f}, percentile {self.percentile:.0f})"

    @property
    def verdict(self) -> str:
        """In words."""
        if self.percentile < 5:
            return "near copy"
        return "resembles it" if self.percentile < 50 else "no copy"


@dataclass(frozen=True)
class TrainingReference:
    """Descriptors (N, K) of the training volumes, their names, and each one's distance to its nearest of another person.

    Volumes of one person are alike and tell nothing of how alike two people are.
    """

    descriptors: NDArray[np.float32]
    names: Sequence[str]
    between: NDArray[np.float32]
    flip: int | None = None

    @classmethod
    def of(
        cls,
        volumes: Iterable[NDArray[np.floating]],
        names: Sequence[str],
        people: Sequence[int] | None = None,
        flip: int | None = None,
    ) -> TrainingReference:
        """Reference of volumes (D, H, W), which are looked at one after the other.

        Parameters
        ----------
        people
            Number of each volume's person; by default each is another's.
        flip
            Axis whose mirror image counts as the same volume.
        """
        rows, mirrored = [], []
        for volume in volumes:
            rows.append(describe(volume))
            if flip is not None:
                mirrored.append(describe(np.flip(volume, flip)))
        descriptors = np.stack(rows)
        similarity = descriptors @ descriptors.T
        if mirrored:
            similarity = np.maximum(similarity, descriptors @ np.stack(mirrored).T)
        who = np.arange(len(rows)) if people is None else np.asarray(people)
        similarity[who[:, None] == who[None]] = -np.inf
        nearest = similarity.max(axis=1)
        between = np.where(np.isfinite(nearest), 1 - nearest, 0.0)
        return cls(descriptors, list(names), between.astype(np.float32), flip)

    def nearest(self, volume: NDArray[np.floating]) -> Nearest:
        """The nearest training volume of a volume (D, H, W) on the model's grid."""
        similarity = self.descriptors @ describe(volume)
        if self.flip is not None:
            similarity = np.maximum(similarity, self.descriptors @ describe(np.flip(volume, self.flip)))
        best = int(similarity.argmax())
        distance = float(1 - similarity[best])
        return Nearest(self.names[best], distance, float((self.between < distance).mean() * 100))
