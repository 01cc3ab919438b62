"""How unusual a latent is among those of a cohort, and how badly an image was projected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT = 0.98
_SHRINKAGE = 0.1


@dataclass(frozen=True, eq=False)
class LatentReference:
    """Mean and spread of a cohort's latents, and what was usual in it.

    Attributes
    ----------
    mean, whitening
        (D,) and (D, D): a latent minus the mean, times the whitening, has about unit variance in every direction.
    lengths, errors
        Sorted, of the cohort's own latents: lengths after whitening, and perceptual errors of their projections.
    """

    mean: NDArray[np.float64]
    whitening: NDArray[np.float64]
    lengths: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def of(cls, latents: NDArray[np.floating], errors: NDArray[np.floating]) -> LatentReference:
        """Reference of latents (N, D) and the errors (N,) of their projections.

        The covariance is shrunk towards a multiple of the identity, so that a small cohort has one that can be inverted.
        """
        values = latents.astype(np.float64)
        mean = values.mean(0)
        covariance = np.atleast_2d(np.cov(values, rowvar=False)) if len(values) > 1 else np.eye(values.shape[1])
        scale = max(float(np.trace(covariance)) / len(covariance), 1e-12)
        covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * scale * np.eye(len(covariance))
        eigenvalues, vectors = np.linalg.eigh(covariance)
        whitening = vectors / np.sqrt(eigenvalues)
        lengths = np.sort(np.linalg.norm((values - mean) @ whitening, axis=1))
        return cls(mean, whitening, lengths, np.sort(errors.astype(np.float64)))

    def unusualness(self, latents: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share (N,) of the cohort's latents that lie nearer to its mean than each of these (N, D): 0.5 is ordinary."""
        lengths = np.linalg.norm((latents.astype(np.float64) - self.mean) @ self.whitening, axis=1)
        share: NDArray[np.float64] = np.searchsorted(self.lengths, lengths) / max(len(self.lengths), 1)
        return share

    def badness(self, errors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share (N,) of the cohort's projections that have a smaller error."""
        share: NDArray[np.float64] = np.searchsorted(self.errors, np.asarray(errors, np.float64)) / max(len(self.errors), 1)
        return share
