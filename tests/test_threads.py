"""Threads wait passively unless the user says otherwise, and that is said in time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from napari_medgen.threads import wait_passively

SHOW = "import napari_medgen, os; print(os.environ.get('OMP_WAIT_POLICY'))"


def shown(**own: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True, env=kept | own)
    return done.stdout.strip()


def test_importing_the_package_asks_for_passive_waiting() -> None:
    assert shown() == "PASSIVE"


@pytest.mark.parametrize(
    ("own", "policy"),
    [({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "1000"}, "None"), ({"KMP_BLOCKTIME": "200"}, "None")],
)
def test_what_the_user_has_set_stays(own: dict[str, str], policy: str) -> None:
    assert shown(**own) == policy


def test_an_environment_of_ones_own() -> None:
    made: dict[str, str] = {}
    wait_passively(made)
    assert made == {"OMP_WAIT_POLICY": "PASSIVE"}
