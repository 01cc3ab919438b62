"""Random changes to a training volume: mirrored, turned, scaled, moved, bent, and its grey values shifted a little.

A volume is read at moved places through its cubic B-spline (Unser 1999), which keeps edges where linear interpolation blurs
them, and a denoiser learns blur as readily as anatomy. The same spline, with few control points, makes fields that bend and
shade smoothly (free-form deformation, Rueckert 1999).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from napari_medgen.volumes.training.recipe import DataRecipe

_CONTROL_POINTS = 5
_RIM = 6  # voxels of background around a volume, where the coefficients of what lies at its border fade


def spline_coefficients(volume: NDArray[np.float32]) -> torch.Tensor:
    """Coefficients (D, H, W) whose cubic B-spline goes through a volume's voxels."""
    return torch.from_numpy(ndimage.spline_filter(volume, order=3, output=np.float32, mode="mirror"))


def read_spline(coefficients: torch.Tensor, places: torch.Tensor, *, mirror: bool = False) -> torch.Tensor:
    """Values of a cubic B-spline at places.

    Parameters
    ----------
    coefficients
        (D, H, W); beyond the border they are zero, or ``mirror`` those inside.
    places
        (3, ...) in voxels, on the same device.

    Returns
    -------
    torch.Tensor
        (...).
    """
    if _reads_by_scipy(places.device):
        mode: Literal["mirror", "grid-constant"] = "mirror" if mirror else "grid-constant"
        read = ndimage.map_coordinates(coefficients.numpy(), places.numpy(), order=3, prefilter=False, mode=mode)
        return torch.from_numpy(read)
    whole = places.floor()
    weights = _weights(places - whole)
    rim = 0 if mirror else 1  # of zeros, where everything outside is read
    padded = torch.nn.functional.pad(coefficients, (rim,) * 6)
    sides = torch.tensor(padded.shape, device=places.device).view(-1, *[1] * (places.ndim - 1))
    first = whole.long() - 1 + rim  # of the four that count
    if mirror:
        period = 2 * (sides - 1)
        rows = [torch.minimum((first + step) % period, period - (first + step) % period) for step in range(4)]
    else:
        rows = [(first + step).clamp(min=0).minimum(sides - 1) for step in range(4)]
    strides = (padded.shape[1] * padded.shape[2], padded.shape[2])
    flat = padded.flatten()
    values = torch.zeros_like(places[0])
    for z in range(4):
        for y in range(4):
            line = rows[z][0] * strides[0] + rows[y][1] * strides[1]
            share = weights[z][0] * weights[y][1]
            for x in range(4):
                values = values + share * weights[x][2] * flat[line + rows[x][2]]
    return values


def _reads_by_scipy(device: torch.device) -> bool:
    """Sixty-four gathers take a CPU much longer than SciPy's loop, and a GPU no time."""
    return device.type == "cpu"


class Augmenter:
    """Changes of one volume, whose spline is computed once.

    Parameters
    ----------
    volume
        (S, P, L) in [-1, 1].
    recipe
        What changes, and how much.
    device
        Where the changed volumes are made.
    """

    def __init__(self, volume: NDArray[np.float32], recipe: DataRecipe, device: torch.device | str = "cpu") -> None:
        self._recipe, self._shape, self._device = recipe, volume.shape, device
        self._mirror = recipe.border == "mirror"
        self._rim = 0 if self._mirror else _RIM
        self._coefficients = spline_coefficients(np.pad(volume + 1, self._rim)).to(device)  # background is zero

    def draw(self, rng: np.random.Generator) -> torch.Tensor:
        """The volume (S, P, L) in [-1, 1], changed at random, on the device.

        Mirrored half of the time, where the recipe says that mirror images are as good.
        """
        recipe, shape, device = self._recipe, self._shape, self._device
        coefficients = self._coefficients
        if recipe.flip and rng.random() < 0.5:
            coefficients = coefficients.flip("SPL".find(recipe.flip))
        places = _moved(shape, recipe, rng, device) + self._rim
        if recipe.elastic:
            bent = torch.stack([_field(shape, recipe.elastic, rng, device) for _ in range(3)])
            places = places + bent / torch.tensor(recipe.spacing, device=device).view(3, 1, 1, 1)
        share = (read_spline(coefficients, places, mirror=self._mirror) / 2).clamp(0, 1)
        if recipe.contrast:
            share = share ** float(np.exp(rng.uniform(-recipe.contrast, recipe.contrast)))
        if recipe.bias:
            share = (share * (1 + _field(shape, recipe.bias, rng, device))).clamp(0, 1)
        return share * 2 - 1


def augment(
    volume: NDArray[np.float32], recipe: DataRecipe, rng: np.random.Generator, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """A volume (S, P, L) in [-1, 1], changed once (:class:`Augmenter`)."""
    return Augmenter(volume, recipe, device).draw(rng)


def _moved(shape: tuple[int, ...], recipe: DataRecipe, rng: np.random.Generator, device: torch.device | str) -> torch.Tensor:
    """Where each voxel (3, D, H, W) of a turned, scaled and moved volume is read."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(rng.uniform(-recipe.rotation, recipe.rotation, 3))):
        a, b = [i for i in range(3) if i != axis]
        part = np.eye(3)
        part[a, a] = part[b, b] = np.cos(angle)
        part[a, b], part[b, a] = -np.sin(angle), np.sin(angle)
        turn = turn @ part
    spacing = np.asarray(recipe.spacing)
    in_voxels = (turn * (1 + rng.uniform(-recipe.scaling, recipe.scaling, 3))) * spacing / spacing[:, None]
    middle = (np.asarray(shape) - 1) / 2
    moved = middle + rng.uniform(-recipe.shift, recipe.shift, 3) / spacing - in_voxels @ middle
    z, y, x = (torch.arange(n, dtype=torch.float32, device=device) for n in shape)
    # Sums and no matrix product, whose factors a GPU may round to ten bits: a twentieth of a voxel.
    rows = [
        float(a) * z[:, None, None] + float(b) * y[:, None] + (float(c) * x + float(shift))
        for (a, b, c), shift in zip(in_voxels, moved, strict=True)
    ]
    return torch.stack(rows)


def _field(shape: tuple[int, ...], deviation: float, rng: np.random.Generator, device: torch.device | str) -> torch.Tensor:
    """A smooth random field (D, H, W) of about a standard deviation, from few control points."""
    control = torch.from_numpy(rng.normal(0, deviation * _SPREAD, (_CONTROL_POINTS + 2,) * 3).astype(np.float32))
    d, h, w = (_basis(n).to(device) for n in shape)
    return torch.einsum("abc,da,hb,wc->dhw", control.to(device), d, h, w)


def _basis(count: int) -> torch.Tensor:
    """(count, control points) share of each control point in a value, at even places from the second to the last but one."""
    places = torch.linspace(1, _CONTROL_POINTS, count)
    first = places.floor().clamp(max=_CONTROL_POINTS - 1)
    shares = torch.zeros(count, _CONTROL_POINTS + 2)
    for step, share in enumerate(_weights(places - first)):
        shares[torch.arange(count), first.long() - 1 + step] = share
    return shares


def _weights(f: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Cubic B-spline weights of the four neighbours of a place, ``f`` behind the second of them."""
    return (1 - f) ** 3 / 6, 2 / 3 - f**2 + f**3 / 2, (1 + 3 * f + 3 * f**2 - 3 * f**3) / 6, f**3 / 6


# A cubic B-spline averages its control points: of their variance 151/315 is left an axis, the mean sum of squared weights.
_SPREAD = (315 / 151) ** 1.5
