"""Compressed pixels of DICOM files, decoded in a process of their own.

The decoders are native libraries, and files exist that crash each of them, let them run for ever or fill the memory. A
process that may die, is given a limit of memory and a time, and is started anew for the next file, keeps that away from
the window. It starts with the first compressed file (about a second) and stays.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.running.limits import readable

_ROOM = 2**29  # what decoders and their libraries take themselves
_TIMES = 6  # copies of the image, in the wider types that decoders compute in
_START_SECONDS = 60.0
_SECONDS, _SECONDS_A_MEGABYTE = 5.0, 0.5


class NoDecoderError(Exception):
    """No decoder of this kind of compression is installed."""


class DecodingProcess:
    """A process that decodes, started when it is needed; one file at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, path: Path, expected: int, *, words: bool = False, force: bool = False) -> NDArray[Any]:
        """The pixels of a file whose header promises ``expected`` bytes of them.

        Parameters
        ----------
        words
            All bits of a pixel, whichever of them the header says to be stored.
        force
            It has no preamble.

        Raises
        ------
        ImageError
            If they are damaged, ask for more memory than such an image takes, take too long, or crash the decoder.
        NoDecoderError
            If none is installed.
        """
        with self._lock:
            return self._decode(path, expected, words, force)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _decode(self, path: Path, expected: int, words: bool, force: bool) -> NDArray[Any]:
        memory, seconds = _ROOM + _TIMES * expected, _SECONDS + _SECONDS_A_MEGABYTE * expected / 1e6
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(seconds, give_up)
        clock.daemon = True
        clock.start()
        try:
            request = {"path": str(path.resolve()), "memory": memory, "words": words, "force": force}
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or b"{}")
            pixels = _pixels(process, answer) if "shape" in answer else None
        except (OSError, ValueError):
            answer, pixels = {}, None
        except BaseException:
            self.close()  # what is left in the pipe would be taken for the next file's answer
            raise
        finally:
            clock.cancel()
        if pixels is not None:
            return pixels
        if "fault" not in answer:
            self.close()  # it died, or was ended
        if late.is_set():
            raise ImageError(f"{path.name} was given up: its pixels could not be decoded within {seconds:.0f} seconds.")
        if answer.get("fault") == "decoder":
            raise NoDecoderError
        if answer.get("fault") == "memory":
            raise ImageError(
                f"{path.name} is damaged: its pixels ask for more memory than such an image takes ({readable(memory)})."
            )
        if "fault" in answer:
            raise ImageError(f"{path.name} is damaged or ends too early.")
        raise ImageError(f"{path.name} is damaged: a decoder broke down over its pixels.")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            # -P: no module of the folder that somebody's files lie in is taken for one of Python's.
            command = [sys.executable, "-P", "-m", "napari_medgen.imaging.decoding_process"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            assert self._process.stdout is not None
            # It says when it has loaded what it needs; what is no such process is not waited for.
            clock = threading.Timer(_START_SECONDS, self._process.kill)
            clock.daemon = True
            clock.start()
            ready = self._process.stdout.readline()
            clock.cancel()
            if ready != b"ready\n":
                self.close()
                raise ImageError(
                    "Compressed images cannot be read here: the process that decodes them does not start from "
                    f"{Path(sys.executable).name or 'this program'}."
                )
        return self._process


def _pixels(process: subprocess.Popen[bytes], answer: dict[str, Any]) -> NDArray[Any] | None:
    pixels = np.empty(tuple(answer["shape"]), np.dtype(answer["dtype"]))
    view = pixels.data.cast("B") if pixels.size else memoryview(b"")
    assert process.stdout is not None
    got = 0
    while got < len(view):
        count = process.stdout.readinto(view[got:])  # type: ignore[attr-defined]  # a buffered reader has it
        if not count:
            return None
        got += count
    return pixels


DECODING = DecodingProcess()
atexit.register(DECODING.close)
