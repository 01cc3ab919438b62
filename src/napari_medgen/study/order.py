"""In which order a reader sees what: drawn once, kept as data, and not moved by what is added later.

The draw is a Fisher-Yates shuffle over SHA-256 of the study's seed and the reader's code. It is our own because NumPy
promises no stable stream of a ``Generator`` over its versions (NEP 19), and an order that another version draws otherwise
cannot be proven afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from napari_medgen.errors import StudyError

Item = TypeVar("Item")
Kind = Literal["random", "fixed", "blocked"]
Design = Literal["within", "between", "crossover"]


@dataclass(frozen=True)
class Trial:
    """One case that a reader is shown once.

    Attributes
    ----------
    id
        What it is called on screen and in answers: says nothing of case, arm or repeat.
    case, arm
        What is shown, and how; an empty arm where a study has one.
    repeat
        0 for the first time, 1 for the repeat that measures the reader's own agreement.
    session
        Sitting, from 0; between two of a crossover lies its wash-out.
    training
        Whether it is shown before the study, with feedback, and counts in nothing.
    """

    id: str
    case: str
    arm: str = ""
    repeat: int = 0
    session: int = 0
    training: bool = False


@dataclass(frozen=True)
class OrderPlan:
    """How orders are drawn.

    Attributes
    ----------
    seed
        Of the study.
    kind
        ``random``: all cases shuffled; ``blocked``: block after block, shuffled within each, blocks in shuffled order;
        ``fixed``: as listed.
    arms
        Names of what is compared between showings of a case; empty where each case is shown in one way.
    design
        ``within``: every reader sees every case in every arm, all shuffled; ``between``: a reader sees one arm, by turns;
        ``crossover``: in each session every case once, its arm by a Latin square over cases, readers and sessions, so that
        arms are balanced in every session and each case meets every arm by the last.
    repeats, distance
        How many cases are shown a second time, and the least number of trials from one showing to the other.
    """

    seed: int
    kind: Kind = "random"
    arms: tuple[str, ...] = ()
    design: Design = "within"
    repeats: int = 0
    distance: int = 1


class Lots:
    """Whole numbers drawn from a seed and words, the same on every machine and in every version.

    Examples
    --------
    >>> Lots(7, "R1").shuffled("abcdef")
    ['d', 'b', 'c', 'f', 'a', 'e']
    """

    def __init__(self, seed: int, *words: object) -> None:
        self._stream = self._words(f"{seed}|" + "|".join(map(str, words)))

    @staticmethod
    def _words(key: str) -> Iterator[int]:
        counter = 0
        while True:
            digest = hashlib.sha256(f"{key}|{counter}".encode()).digest()
            yield from (int.from_bytes(digest[start : start + 8], "big") for start in range(0, 32, 8))
            counter += 1

    def below(self, count: int) -> int:
        """A number from 0 to ``count - 1``, each as likely."""
        limit = 2**64 - 2**64 % count  # what lies above would make the first numbers likelier
        return next(word for word in self._stream if word < limit) % count

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in a random order (Durstenfeld 1964)."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed


def order_of(
    plan: OrderPlan, reader: str, number: int, cases: Sequence[str], blocks: Sequence[str] = (), known: Sequence[Trial] = ()
) -> tuple[Trial, ...]:
    """The trials of a reader.

    Parameters
    ----------
    reader, number
        The reader's code, and their number among the readers, from 0, which the Latin square and turns go by.
    cases, blocks
        Names of the cases in the order of the protocol, and the block of each where the order is ``blocked``.
    known
        Trials that were drawn before: they stay as they are and where they are, and cases that came since follow them.

    Raises
    ------
    StudyError
        If a case stands twice in the protocol, or repeats cannot lie so far apart.
    """
    if twice := {case for case in cases if cases.count(case) > 1}:
        raise StudyError(f"The case {min(twice)} stands twice in the protocol.")
    seen = {trial.case for trial in known}
    new = [(place, case) for place, case in enumerate(cases) if case not in seen]
    lots = Lots(plan.seed, "order", reader, len(known))
    trials: list[Trial] = []
    if plan.design == "between" and known:  # a reader keeps their arm, whoever came to the list since
        plan = replace(plan, arms=(known[-1].arm,))
    for session, arms in enumerate(_sessions(plan, number)):
        shown = [Trial("", case, arm, 0, session) for place, case in new for arm in arms(place)]
        trials += _arranged(plan, shown, dict(zip(cases, blocks, strict=False)), lots)
    if not known:
        trials = _repeated(plan, trials, lots)
    return (*known, *(_named(plan, reader, trial) for trial in trials))


def training_of(plan: OrderPlan, reader: str, cases: Sequence[str]) -> tuple[Trial, ...]:
    """The trials of training cases: as listed, in every arm, so that a reader has seen each before it counts."""
    shown = [Trial("", case, arm, training=True) for case in cases for arm in (plan.arms or ("",))]
    return tuple(_named(plan, reader, trial) for trial in shown)


def _sessions(plan: OrderPlan, number: int) -> list[_Arms]:
    if not plan.arms:
        return [_Arms(("",))]
    if plan.design == "between":
        return [_Arms((plan.arms[number % len(plan.arms)],))]
    if plan.design == "within":
        return [_Arms(plan.arms)]
    return [_Arms(plan.arms, number + session) for session in range(len(plan.arms))]


@dataclass(frozen=True)
class _Arms:
    """The arms in which a case is shown in a session, by its place in the protocol: all, or one by a Latin square."""

    arms: tuple[str, ...]
    turn: int | None = None

    def __call__(self, place: int) -> tuple[str, ...]:
        return self.arms if self.turn is None else (self.arms[(place + self.turn) % len(self.arms)],)


def _arranged(plan: OrderPlan, trials: list[Trial], block_of: dict[str, str], lots: Lots) -> list[Trial]:
    if plan.kind == "fixed":
        return trials
    if plan.kind == "random":
        return lots.shuffled(trials)
    blocks = lots.shuffled(list(dict.fromkeys(block_of.get(trial.case, "") for trial in trials)))
    return [
        trial for block in blocks for trial in lots.shuffled([one for one in trials if block_of.get(one.case, "") == block])
    ]


def _repeated(plan: OrderPlan, trials: list[Trial], lots: Lots) -> list[Trial]:
    """Some trials of the first session a second time, so far behind the first that a reader will not know them again."""
    first = [trial for trial in trials if trial.session == 0]
    if plan.repeats > len(first):
        raise StudyError(f"{plan.repeats} repeats were asked for, and there are {len(first)} cases to repeat.")
    out = list(first)
    for trial in lots.shuffled(first)[: plan.repeats]:
        earliest = out.index(trial) + plan.distance
        if earliest > len(out):
            # Rather early than too near: those at the end have nothing behind them, so the repeat goes before.
            latest = out.index(trial) - plan.distance + 1
            if latest < 0:
                raise StudyError(
                    f"With {len(first)} cases a repeat cannot lie {plan.distance} from the first showing; ask for less."
                )
            place = lots.below(latest + 1)
            out[out.index(trial)] = Trial("", trial.case, trial.arm, 1, 0)
            out.insert(place, trial)
        else:
            out.insert(earliest + lots.below(len(out) - earliest + 1), Trial("", trial.case, trial.arm, 1, 0))
    return out + [trial for trial in trials if trial.session > 0]


def _named(plan: OrderPlan, reader: str, trial: Trial) -> Trial:
    said = f"{plan.seed}|trial|{reader}|{trial.case}|{trial.arm}|{trial.repeat}|{trial.session}"
    return replace(trial, id=hashlib.sha256(said.encode()).hexdigest()[:12])
