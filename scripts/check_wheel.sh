#!/usr/bin/env bash
# Build the wheel, install it into an empty environment, and use it from an empty folder: no file of the checkout is there.
#   scripts/check_wheel.sh FOLDER   (the folder is made; PYTHON chooses the interpreter)
set -euo pipefail
folder=$1
python=${PYTHON:-python3}
constraint=$(command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1 || echo "--constraint=$PWD/constraints.txt")
mkdir -p "$folder/dist" "$folder/empty"
"$python" -m pip wheel -q --no-deps --wheel-dir "$folder/dist" .
"$python" -m venv "$folder/venv"
wheel=$(echo "$folder"/dist/*.whl)
"$folder/venv/bin/python" -m pip install -q ${constraint:+"$constraint"} "napari-medgen[explain] @ file://$(realpath "$wheel" | sed 's/ /%20/g')"
cp scripts/check_wheel.py "$folder/empty/"
cd "$folder/empty"
env -u PYTHONPATH XDG_DATA_HOME="$PWD/data" XDG_CONFIG_HOME="$PWD/config" XDG_CACHE_HOME="$PWD/cache" \
  "$folder/venv/bin/python" -I check_wheel.py
