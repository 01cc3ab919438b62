"""Orders of trials: drawn alike everywhere, balanced, far enough apart, and not moved by what comes later."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.order import Lots, OrderPlan, Trial, order_of

CASES = [f"case-{number:02d}" for number in range(24)]


def test_the_draw_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert Lots(7, "R1").shuffled("abcdef") == ["d", "b", "c", "f", "a", "e"]
    first, again = (order_of(OrderPlan(7), "R1", 0, CASES) for _ in range(2))
    assert first == again
    assert first != order_of(OrderPlan(7), "R2", 1, CASES)
    assert first != order_of(OrderPlan(8), "R1", 0, CASES)


def test_every_order_is_as_likely() -> None:
    counts = Counter(tuple(Lots(seed, "x").shuffled("abc")) for seed in range(6000))
    assert len(counts) == 6
    assert all(900 < count < 1100 for count in counts.values())
    drawn = Counter(Lots(seed).below(10) for seed in range(10_000))
    assert all(880 < drawn[number] < 1120 for number in range(10))


def test_every_case_is_shown_once_and_its_name_says_nothing() -> None:
    trials = order_of(OrderPlan(1), "R1", 0, CASES)
    assert sorted(trial.case for trial in trials) == CASES
    assert len({trial.id for trial in trials}) == len(CASES)
    other = order_of(OrderPlan(1), "R2", 1, CASES)
    assert not {trial.id for trial in trials} & {trial.id for trial in other}
    assert not any(trial.case in trial.id for trial in trials)


def test_what_was_drawn_stays_when_cases_are_added() -> None:
    before = order_of(OrderPlan(3, repeats=4, distance=5), "R1", 0, CASES)
    after = order_of(OrderPlan(3, repeats=4, distance=5), "R1", 0, ["new-1", *CASES, "new-2"], known=before)
    assert after[: len(before)] == before
    assert sorted(trial.case for trial in after[len(before) :]) == ["new-1", "new-2"]
    assert order_of(OrderPlan(3, repeats=4, distance=5), "R1", 0, ["new-1", *CASES, "new-2"], known=after) == after


def test_blocks_are_not_mixed() -> None:
    blocks = ["knee" if number % 2 else "brain" for number in range(24)]
    seen = set()
    for reader in range(8):
        trials = order_of(OrderPlan(5, "blocked"), f"R{reader}", reader, CASES, blocks)
        told = [blocks[CASES.index(trial.case)] for trial in trials]
        assert sum(a != b for a, b in itertools.pairwise(told)) == 1
        seen.add(told[0])
    assert seen == {"brain", "knee"}
    assert [trial.case for trial in order_of(OrderPlan(5, "fixed"), "R1", 0, CASES)] == CASES


def test_a_crossover_is_balanced_in_every_session_and_meets_every_arm() -> None:
    plan = OrderPlan(9, arms=("alone", "aided", "sham"), design="crossover")
    first_arms = Counter()
    for number in range(3):
        trials = order_of(plan, f"R{number}", number, CASES)
        for session in range(3):
            here = [trial for trial in trials if trial.session == session]
            assert sorted(trial.case for trial in here) == CASES
            assert set(Counter(trial.arm for trial in here).values()) == {8}
        assert len({(trial.case, trial.arm) for trial in trials}) == 72
        first_arms.update((trial.case, trial.arm) for trial in trials if trial.session == 0)
    assert set(first_arms.values()) == {1}  # over readers too


def test_readers_take_turns_where_arms_are_theirs() -> None:
    plan = OrderPlan(9, arms=("alone", "aided"), design="between")
    assert [{trial.arm for trial in order_of(plan, f"R{n}", n, CASES)} for n in range(4)] == [
        {"alone"},
        {"aided"},
        {"alone"},
        {"aided"},
    ]
    within = order_of(OrderPlan(9, arms=("alone", "aided")), "R1", 0, CASES)
    assert len(within) == 48


@pytest.mark.parametrize("seed", range(20))
def test_repeats_lie_far_enough_apart(seed: int) -> None:
    trials = order_of(OrderPlan(seed, repeats=6, distance=10), "R1", 0, CASES)
    assert len(trials) == 30
    places: dict[str, dict[int, int]] = {}
    for place, trial in enumerate(trials):
        places.setdefault(trial.case, {})[trial.repeat] = place
    twice = {case: both for case, both in places.items() if len(both) == 2}
    assert len(twice) == 6
    assert all(both[1] - both[0] >= 10 for both in twice.values())


def test_what_cannot_be_drawn_is_one_sentence() -> None:
    with pytest.raises(StudyError, match="case-00 stands twice"):
        order_of(OrderPlan(1), "R1", 0, [*CASES, "case-00"])
    with pytest.raises(StudyError, match="25 repeats were asked for, and there are 24 cases"):
        order_of(OrderPlan(1, repeats=25), "R1", 0, CASES)
    with pytest.raises(StudyError, match="cannot lie 40 from"):
        order_of(OrderPlan(1, repeats=1, distance=40), "R1", 0, CASES)
    assert order_of(OrderPlan(1), "R1", 0, []) == ()
    assert isinstance(order_of(OrderPlan(1), "R1", 0, ["a"])[0], Trial)
