"""The grid of a viewer has one owner at a time: who takes it makes the one before give it up, and only it leaves it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medgen.viewer.layers.proxy import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class _Owner:
    name: Hashable
    give_up: Callable[[], None]


_owners: weakref.WeakKeyDictionary[ViewerModel, _Owner] = weakref.WeakKeyDictionary()


def take_grid(
    viewer: ViewerModel, owner: Hashable, give_up: Callable[[], None], *, shape: tuple[int, int], stride: int = 1
) -> None:
    """Lay a viewer's layers out in rows and columns.

    Parameters
    ----------
    owner
        Who asks; an owner that has the grid only changes its shape.
    give_up
        Called when somebody else takes the grid: what lies in its cells must not lie on top of each other then. It holds
        no more than weak references to viewer and owner.
    """
    viewer = unwrapped(viewer)
    before = _owners.get(viewer)
    _owners[viewer] = _Owner(owner, give_up)
    if before is not None and before.name != owner:
        before.give_up()
    grid = viewer.canvas.grid
    grid.stride, grid.shape, grid.enabled = stride, shape, True


def leave_grid(viewer: ViewerModel, owner: Hashable) -> None:
    """One picture again, as napari begins; nothing where the grid is somebody else's."""
    viewer = unwrapped(viewer)
    before = _owners.get(viewer)
    if before is None or before.name != owner:
        return
    del _owners[viewer]
    grid = viewer.canvas.grid
    grid.enabled, grid.stride, grid.shape = False, 1, (-1, -1)
