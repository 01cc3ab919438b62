"""Somebody else's image file: whatever a library stumbles over while it is read becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medgen.errors import ImageError, MedGenError


@contextmanager
def opened_image(
    path: Path, kind: str, *, foreign: tuple[type[Exception], ...] = (), damaged: str = "is damaged or ends too early"
) -> Iterator[None]:
    """Read an image within; see :func:`napari_medgen.models.checkpoints.opened_foreign` for the same of models.

    Parameters
    ----------
    kind
        What the file should be, for the sentence: "a NIfTI file".
    foreign
        What the library raises over a file of another kind.
    damaged
        What is said of a file over which the library raises anything else.

    Raises
    ------
    ImageError
        If it is missing, a folder, not to be read, of another kind, larger than this machine's memory, or damaged.
    """
    try:
        yield
    except MedGenError:
        raise
    except FileNotFoundError as error:
        # Of a pair of files it may be the other one.
        raise ImageError(f"{Path(error.filename or path).name} does not exist.") from None
    except IsADirectoryError:
        raise ImageError(f"{path.name} is a folder, not {kind}.") from None
    except PermissionError:
        raise ImageError(f"{path.name} cannot be read: this account may not open it.") from None
    except foreign:
        raise ImageError(f"{path.name} is not {kind}, whatever its name says.") from None
    except MemoryError:
        raise ImageError(f"{path.name} asks for more memory than this machine has.") from None
    except Exception:
        # Decoders raise whatever they stumble over: OSError, ValueError, SyntaxError, IndexError, struct.error.
        raise ImageError(f"{path.name} {damaged}.") from None
