"""A mend for canvases that are drawn without a graphics card: shader programs of removed layers are not deleted.

When a layer is removed, VisPy (0.17) deletes its shader program, and where OpenGL is software the process may end when the
next layer is drawn (seen with Mesa 22.3 of Debian 12). In napari 0.9.2 that takes two images, the lower of which is removed.
It does not end where programs are left until their canvas is closed; where a graphics card draws, they are deleted as ever.
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

    program.delete = delete  # type: ignore[method-assign]
    setattr(program, _MENDED, True)


@cache
def _is_software() -> bool:
    """Whether the context that is current is drawn by the processor."""
    from vispy.gloo import gl

    renderer = gl.glGetParameter(gl.GL_RENDERER)  # type: ignore[attr-defined]
    return any(name in str(renderer).lower() for name in _SOFTWARE)
