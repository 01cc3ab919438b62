#!/usr/bin/env bash
# Open the demonstration; without a display, run it under Xvfb and write pictures to demo-output/.
set -eu
python="$1"
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" = Darwin ]; then
  exec "$python" -m napari_medgen.viewer.plugin.demo
fi
if ! command -v xvfb-run >/dev/null; then
  echo "There is no display and no xvfb-run; install xvfb to see the demonstration as pictures." >&2
  exit 1
fi
echo "There is no display: the demonstration runs on a virtual one and writes to demo-output/."
exec xvfb-run -a -s "-screen 0 1600x1000x24" "$python" -m napari_medgen.viewer.plugin.demo --screenshots demo-output
