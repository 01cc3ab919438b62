"""What napari hands to a plugin, without the proxy around it."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def unwrapped(thing: T) -> T:
    """The viewer or layer itself.

    napari wraps what a plugin gets, and makes new wrappers at each look: nothing to compare, or to keep a weak reference to.
    """
    inner: T = getattr(thing, "__wrapped__", thing)
    return inner
