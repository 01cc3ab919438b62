"""The process that decodes compressed pixels of DICOM files, where a decoder may crash, hang or ask for all memory.

It is started by :mod:`napari_medgen.imaging.decoding` and reads requests, one JSON line each, from its standard input. An
answer is a JSON line and, where it was decoded, the pixels' bytes. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

_CPU_SECONDS = 3600
_END_OF_IMAGE = b"\xff\xd9"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_UNKNOWN = 4 * 2**30  # what the process is taken to have where it cannot be asked (macOS)


def main() -> None:
    """Answer requests until there are none."""
    # Native decoders print to the standard output, which belongs to the answers: they get another one.
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    import pydicom

    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        _answer(json.loads(line), answers, pydicom)


def _answer(request: dict[str, Any], answers: IO[bytes], pydicom: Any) -> None:
    import warnings

    import numpy as np

    pixels, said = None, {}
    try:
        _limit_memory(request["memory"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(request["path"], force=request["force"])
            if request["words"]:  # which bits count is found out later
                data.BitsStored, data.HighBit, data.PixelRepresentation = data.BitsAllocated, data.BitsAllocated - 1, 0
            pixels = np.ascontiguousarray(_deep_jpeg(data) if _is_deep_jpeg(data) else data.pixel_array)
        said = {"shape": pixels.shape, "dtype": pixels.dtype.str}
    except MemoryError:
        said = {"fault": "memory"}
    except Exception as error:
        # pydicom says which plugins it would need; a plain error without them means damage.
        text = str(error).lower()
        words = ("missing dependencies", "no available", "unable to decompress")
        lacks = isinstance(error, ImportError | NotImplementedError) or any(word in text for word in words)
        said = {"fault": "decoder" if lacks else "damaged"}
    answers.write(json.dumps(said).encode() + b"\n")
    if "shape" in said and pixels is not None:
        answers.write(pixels.data.cast("B") if pixels.size else b"")
    answers.flush()


def _is_deep_jpeg(data: Any) -> bool:
    return data.file_meta.TransferSyntaxUID == _JPEG_EXTENDED and int(data.BitsAllocated) > 8


def _deep_jpeg(data: Any) -> Any:
    """JPEG of 12 bits, which the decoders that pydicom knows leave out, or bring under the GPL."""
    from imagecodecs import jpeg8_decode
    from pydicom.encaps import generate_frames

    stream = next(generate_frames(data.PixelData, number_of_frames=1))
    if not stream.rstrip(b"\0\xff").endswith(_END_OF_IMAGE):
        raise ValueError("ends too early")  # the decoder would make up the rest
    pixels = jpeg8_decode(stream)
    if pixels.shape[:2] != (data.Rows, data.Columns):
        raise ValueError("another size than the header says")
    return pixels


def _limit_memory(count: int) -> None:
    """Let this process have so many bytes more than it has now; nothing happens where the system knows no such limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    status = Path("/proc/self/statm")
    now = int(status.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else _UNKNOWN
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = now + count
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Should the window be gone, nobody else ends a decoder that does not end.
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + _CPU_SECONDS, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
