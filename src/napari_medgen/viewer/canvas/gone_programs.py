"""A mend for canvases that are drawn without a graphics card: shader programs of removed layers are not deleted.

When a layer is removed, VisPy (0.17) deletes its shader program. Mesa's software renderer (22.3, that of Debian 12) keeps one
translation for programs that are alike, frees it with the first of them, and ends the process when another of them is drawn.
In napari 0.9.2 that takes two images, the lower of which is removed. A program that is left takes a few kilobytes until its
canvas is closed; where a graphics card draws, it is deleted as ever.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

_MENDED = "_medgen_mended"
_SOFTWARE = ("llvmpipe", "softpipe", "swrast")


def mend_gone_programs() -> None:
    """Let VisPy leave the programs of removed layers where OpenGL is software; once for the process."""
    from vispy.gloo import glir

    program = glir.GlirProgram
    if getattr(program, _MENDED, False):
        return
    original = program.delete

    @wraps(original)
    def delete(self: Any) -> None:
        if not _is_software():
            original(self)

    program.delete = delete
    setattr(program, _MENDED, True)


@cache
def _is_software() -> bool:
    """Whether the context that is current is drawn by the processor."""
    from vispy.gloo import gl

    return any(name in str(gl.glGetParameter(gl.GL_RENDERER)).lower() for name in _SOFTWARE)
