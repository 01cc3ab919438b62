"""What must happen in the window's thread, a piece in each turn of its event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qtpy.QtCore import QTimer


def one_each_turn(steps: Iterator[None], done: Callable[[], None]) -> None:
    """Run pieces one after the other, the first at once; the window paints and answers between them.

    Parameters
    ----------
    steps
        Does a piece at each ``next``.
    done
        Called when there are no more.
    """

    def turn() -> None:
        try:
            next(steps)
        except StopIteration:
            done()
        except BaseException:
            done()
            raise
        else:
            QTimer.singleShot(0, turn)

    turn()
