"""The end of a study's blind: once, when its readers are done, and written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import json_bytes, write_whole
from napari_medgen.study.key import Key
from napari_medgen.study.plan_mark import plan_checksum
from napari_medgen.study.records import read_record
from napari_medgen.study.status import is_done
from napari_medgen.study.study import UNBLINDED, Study
from napari_medgen.validity import parse_json

NAME = UNBLINDED


@dataclass(frozen=True)
class Unblinded:
    """What was written down when the blind was opened.

    Attributes
    ----------
    at
        Date and time (ISO 8601, UTC).
    protocol, version, key
        Checksums and version of what was opened.
    heads
        The last event of each reader's store at that time: what was added later was answered without the blind.
    without
        Readers who were not done, and whose part was given up.
    plan
        Checksum of the plan of the analysis that was kept until then; empty for none.
    """

    at: str
    protocol: str
    version: int
    key: str
    heads: dict[str, str]
    without: tuple[str, ...] = ()
    plan: str = ""


def unblind(study: Study, without: Sequence[str] = (), now: datetime | None = None) -> Unblinded:
    """Open the blind.

    Parameters
    ----------
    without
        Readers who will not go on; their answers stay, and it is written down that they were not done.

    Raises
    ------
    StudyError
        If a reader is not done, a store is damaged, there is no key, or it was done before.
    """
    if (before := read_unblinded(study)) is not None:
        raise StudyError(f"This study was unblinded on {before.at[:10]}; {NAME} says more.")
    if unknown := [code for code in without if code not in study.codes]:
        raise StudyError(f"The protocol has no reader {unknown[0]}; it has: {', '.join(study.codes)}.")
    key = _key(study)
    heads, waiting = {}, []
    for code in study.codes:
        if code not in study.begun:
            waiting.append(code)
            continue
        record = read_record(study.store_of(code))
        if record.audit.faults:
            raise StudyError(f"The store of {code} is not whole: {record.audit.faults[0]}; study check says more.")
        if record.audit.head is not None:
            heads[code] = record.audit.head.line
        if record.protocol != study.protocol.checksum and record.version >= study.protocol.version:
            raise StudyError(f"{code} read under another protocol of version {record.version} than this one; put it back.")
        if not is_done(study.protocol, record):
            waiting.append(code)
    if open_ := [code for code in waiting if code not in without]:
        raise StudyError(
            f"Not done yet: {', '.join(open_)}. The blind stays closed until all are; --without gives a reader up."
        )
    protocol = study.protocol
    at = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    given_up = tuple(code for code in without if code in waiting)
    plan = plan_checksum(study.folder)
    made = Unblinded(at, protocol.checksum, protocol.version, key.checksum, heads, given_up, plan)
    write_whole(study.folder / NAME, json_bytes(made.__dict__ | {"without": list(given_up)}), StudyError)
    return made


def require_as_opened(study: Study, made: Unblinded) -> None:
    """Refuse a protocol or a key that is another than when the blind was opened.

    Raises
    ------
    StudyError
        If one is.
    """
    if made.protocol != study.protocol.checksum or made.key != study.protocol.truth_checksum:
        raise StudyError(f"The protocol or the key was changed after the blind was opened on {made.at[:10]}; put it back.")


def _key(study: Study) -> Key:
    key = study.key()
    if key is None:
        raise StudyError(f"{study.key_file.name} is not here; the blind is opened where the key is.")
    return key


def read_unblinded(study: Study) -> Unblinded | None:
    """What was written down; None while the study is blind.

    Raises
    ------
    StudyError
        If the file cannot be read.
    """
    path: Path = study.folder / NAME
    if not path.is_file():
        return None
    try:
        held: Any = parse_json(path.read_text(encoding="utf-8"))
        return Unblinded(**{**held, "without": tuple(held.get("without", ()))})
    except (OSError, ValueError, TypeError, json.JSONDecodeError):
        raise StudyError(f"{path.name} was changed and cannot be read.") from None
