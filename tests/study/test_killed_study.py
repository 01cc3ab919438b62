"""A scripted study whose program is killed again and again: nothing that was acknowledged is lost, and nothing moves."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_medgen.study.case_table import NewCase
from napari_medgen.study.checking import check_study
from napari_medgen.study.records import read_record
from napari_medgen.study.study import Study
from study_support import MakeStudy, a_volume

# Reads as the window does: opens, looks, answers, thinks again, locks, answers beside the aid, goes on; says what was kept.
_READER = """
import json, sys
from pathlib import Path
from napari_medgen.study.study import Study
session = Study.open(Path(sys.argv[1])).session("R1")
def say(*what):
    print(json.dumps(what), flush=True)
say("order", [trial.id for trial in session.trials])
say("stands", session.trial.id if session.trial else None, session.part, session.answers)
while session.trial is not None:
    session.open()
    for sure in (1, 2):
        value = {"yes": True, "confidence": sure}
        session.note("view", {"slice": sure})
        session.answer("fast", value)
        say("answer", session.trial.id, session.part, value)
    if session.part == "first":
        session.lock()
        session.show_aid()
        say("locked", session.trial.id)
    else:
        trial = session.trial.id
        session.forward()
        say("closed", trial)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so")
def test_a_study_that_is_killed_at_any_moment_goes_on_where_it_was(make_study: MakeStudy) -> None:
    """``MEDGEN_KILLS=100`` for the whole number."""
    study = make_study("progression", [NewCase(a_volume(n), aid=a_volume(90 + n)) for n in range(60)])
    lots, kills = random.Random(0), int(os.environ.get("MEDGEN_KILLS", "6"))
    acknowledged: list[list[object]] = []
    orders: set[str] = set()
    for _ in range(kills):
        said = _read_for(study.folder, lots.uniform(0, 0.12))
        orders |= {json.dumps(line[1]) for line in said if line[0] == "order"}
        acknowledged += [line for line in said if line[0] in ("answer", "locked", "closed")]
        assert [one for one in check_study(study) if one.kind == "fault"] == []
        if read_record(study.store_of("R1")).done:
            for left in study.store_of("R1").parent.iterdir():
                left.unlink()
            acknowledged = []
    assert len(orders) == 1
    _require_all(study, acknowledged)


def _read_for(folder: Path, seconds: float) -> list[list[object]]:
    """What the reader said until it was killed, so many seconds after it stood where it had been."""
    reader = subprocess.Popen([sys.executable, "-c", _READER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    first = reader.stdout.readline() + reader.stdout.readline()
    time.sleep(seconds)
    reader.kill()
    lines = (first + reader.stdout.read()).splitlines()
    reader.wait()
    reader.stdout.close()
    return [json.loads(line) for line in lines if line.endswith("]")]


def _require_all(study: Study, acknowledged: list[list[object]]) -> None:
    """Every acknowledged step is in the store, and no answer is in it twice."""
    record = read_record(study.store_of("R1"))
    kept = [(one.trial, one.part, one.value) for one in record.given]
    for what, trial, *rest in acknowledged:
        if what == "answer":
            assert (trial, rest[0], rest[1]) in kept
        elif what == "closed":
            assert trial in record.closed
    session = study.session("R1")
    names = [event.payload["id"] for event in session.store.events("answer")]
    assert len(set(names)) == len(names)
    locked = {event.payload["trial"] for event in session.store.events("locked")}
    assert {trial for what, trial, *_ in acknowledged if what == "locked"} <= locked
    undone = [trial.id for trial in record.trials if trial.id not in record.closed]
    assert session.trial is not None
    assert session.trial.id == undone[0]  # it stands at the first case that is not closed
    session.close()
