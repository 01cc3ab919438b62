"""A copy of a study for a reader's own machine: without the key, and without what others answered."""

from __future__ import annotations

import shutil
from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import write_all
from napari_medgen.study.anchor import anchor_of
from napari_medgen.study.store import Store, whole_copy
from napari_medgen.study.study import PROTOCOL, READINGS, Study


def copy_for(study: Study, reader: str, out: Path) -> Path:
    """Copy a study for one reader.

    Parameters
    ----------
    out
        The copy's folder; it must not be there yet.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    StudyError
        If there is no such reader, the place is taken or cannot be written, or a window has the reader's store open.
    """
    if reader not in study.codes:
        raise StudyError(f"The protocol has no reader {reader}; it has: {', '.join(study.codes)}.")
    if out.exists():
        raise StudyError(f"There is {out} already; a copy gets a new folder.")
    if missing := study.missing_files():
        raise StudyError(f"{missing[0]} of the study is not here.")
    try:
        for name in (PROTOCOL, *(file for case in study.protocol.cases for file in case.files)):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(study.folder / name, out / name)
    except OSError as error:
        raise StudyError(f"{out} cannot be written: {error.strerror or error}.") from None
    store = study.store_of(reader)
    if store.is_file():
        Store(store).close()  # no window has it open
        anchor = anchor_of(store)
        there = out / READINGS
        write_all({there / store.name: whole_copy(store), there / anchor.name: anchor.read_bytes()}, StudyError)
    return out
