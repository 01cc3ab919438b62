"""Numbers of many pieces: each piece's where it is computed, all of them back in order, and kept so that the work goes on.

An evaluation wants the answers of all its pieces before it can say anything, and they are small: lists of numbers. They come
through the scheduler, and stand in a journal of the folder of notes, if there is one, as soon as they are known.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from napari_medgen import __version__
from napari_medgen.errors import MedGenError
from napari_medgen.running.cluster import spread
from napari_medgen.running.journal import Journal
from napari_medgen.running.progress import Progress, Steps, mapped
from napari_medgen.running.shards import Placement, Shard
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.workers import held

A = TypeVar("A")

_TOLD = 3  # failures that are said


@dataclass(frozen=True)
class Gathering:
    """Where pieces are computed, and where their numbers are kept.

    Attributes
    ----------
    notes
        Folder; the same request takes from it what is known. None keeps nothing.
    """

    placement: Placement = field(default_factory=Placement)
    notes: Path | None = None

    def workers(self) -> contextlib.AbstractContextManager[None]:
        """Workers that stay for all that is gathered meanwhile."""
        return held(self.placement)


def gather(
    work: Callable[[A], Steps[Any]],
    pieces: Sequence[Shard[A]],
    gathering: Gathering,
    plan: Sequence[Any],
    doing: str,
    is_there: Callable[[Any], bool] = lambda result: True,
) -> Steps[list[Any]]:
    """The results of all pieces, in their order.

    Parameters
    ----------
    work
        As for :func:`~napari_medgen.running.cluster.spread`. Its results are what JSON can hold; tuples come back as lists.
        One whose entry ``failed`` says something is given back and not kept: what failed is tried again.
    plan
        What every result depends on beside its piece: weights, request.
    doing
        For a person.
    is_there
        Whether what a kept result speaks of (a file) is there still.

    Yields
    ------
    Progress
        A step a piece.

    Raises
    ------
    MedGenError
        If a piece failed; the others are kept.
    WritingError
        If there is no room for the notes, or another run writes them.
    """
    plan_key = fingerprint([doing, list(plan), gathering.placement.threads, __version__])
    stamps = {piece.name: fingerprint([piece.name, piece.what]) for piece in pieces}
    known: dict[str, Any] = {}
    with contextlib.ExitStack() as opened:
        journal: Journal | None = None
        if gathering.notes is not None:
            path = gathering.notes / f"{doing.lower().replace(' ', '-')}-{plan_key[:12]}.jsonl"
            journal = opened.enter_context(Journal(path, {"plan": plan_key}))
            for entry in journal.entries if journal.header.get("plan") == plan_key else ():
                name = entry.get("piece", "")
                if entry.get("stamp") == stamps.get(name, "") and is_there(entry.get("result")):
                    known[name] = entry["result"]

        def keep(name: str, result: Any) -> None:
            known[name] = json.loads(json.dumps(result, default=float))  # as it would come out of the journal
            if journal is not None and not (isinstance(known[name], dict) and known[name].get("failed")):
                journal.add({"piece": name, "stamp": stamps[name], "result": known[name]})

        before = len(known)
        todo = [piece for piece in pieces if piece.name not in known]

        def counted(progress: Progress) -> Progress:
            ended = progress.step if progress.total == len(todo) else 0  # or the steps of one piece alone
            return Progress(before + ended, len(pieces), f"{doing}: {progress.message}" if progress.message else doing)

        found = yield from mapped(
            spread(work, todo, gathering.placement, on_done=keep, proven=before > 0),
            counted,
        )
    if found.failed:
        told = [f"{name}: {why}" for name, why in found.failed.items()]
        more = f" And {len(told) - _TOLD} more." if len(told) > _TOLD else ""
        raise MedGenError(f"{doing}: {len(told)} of {len(pieces)} failed. {' '.join(told[:_TOLD])}{more}")
    return [known[piece.name] for piece in pieces]
