#!/usr/bin/env bash
# Run the tests; without what a window needs, those of the window are left out, and that is said.
set -eu
python="$1"
shift
# PyTorch's threads spin while they wait, and each other busy program then slows the tests ten times.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
if ! "$python" scripts/window_check.py; then
  echo "No window can be opened here, so the tests of the window are left out; scripts/system-packages.sh names what is missing."
  export NAPARI_MEDGEN_NO_WINDOWS=1
  set -- -p no:pytest-qt -p no:xvfb -p no:napari "$@"
fi
# Two at a time: a window waits more than it computes. Each process has a display of its own.
exec "$python" -m pytest -n "${NAPARI_MEDGEN_TEST_PROCESSES:-2}" --dist worksteal "$@"
