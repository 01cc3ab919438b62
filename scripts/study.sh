#!/usr/bin/env bash
# Make a small study of real and synthetic brains and read it; without a display, read it by keys and write pictures.
# DATA names a folder of real head scans laid out as docs/data.md says; without one all cases are synthetic.
set -eu
python="$1"
folder=study-demo
medgen="$(dirname "$python")/napari-medgen"
if [ ! -f "$folder/protocol.yaml" ]; then
  "$medgen" study new --template turing --model brain-t1 --count 10 --out "$folder" --name turing-demo ${DATA:+--data "$DATA"}
fi
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" = Darwin ]; then
  exec "$medgen" study read "$folder" --reader R1
fi
if ! command -v xvfb-run >/dev/null; then
  echo "There is no display and no xvfb-run; install xvfb to see the study as pictures." >&2
  exit 1
fi
echo "There is no display: the study is read by keys on a virtual one; pictures go to $folder/pictures."
xvfb-run -a -s "-screen 0 1366x768x24" "$python" -m napari_medgen.viewer.study "$folder" --reader R1 --screenshots "$folder/pictures"
exec "$medgen" study status "$folder"
