"""The JSON file beside a NIfTI image (BIDS: same name, other ending): a scanner's notes are kept, ours are added.

It may belong to another image: ``x.nii`` and ``x.nii.gz`` share ``x.json``. So our record names the voxels that it is of, by
their checksum, and is believed of no others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_medgen import __version__
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.validity import parse_json

KEY = "napari_medgen"
_CHECKSUM = "voxels_sha256"
_OURS = {"Description", "GeneratedBy", "Sources", "Synthetic"}
_LARGEST = 2**24


def checksum_of(voxels: NDArray[Any]) -> str:
    """SHA-256 of voxels in the order of the file; their type and shape count too."""
    digest = hashlib.sha256(f"{voxels.shape} {voxels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()


def read_record(beside: Path, voxels: NDArray[Any]) -> Provenance | None:
    """What a sidecar of ours says of these voxels; None where there is none, or it is of others."""
    record = _content(beside).get(KEY)
    if not isinstance(record, dict) or record.get(_CHECKSUM) != checksum_of(voxels):
        return None
    try:
        return Provenance.model_validate(record)
    except ValidationError:
        return None


def merged(beside: Path, made: Provenance, source: str, voxels: NDArray[Any]) -> dict[str, Any] | None:
    """Content of the sidecar with our record in it; None where somebody else's file lies there that is no JSON object.

    Parameters
    ----------
    source
        What the image was made from; empty for none.
    voxels
        In the order of the file, as they are written.
    """
    there = _content(beside, strictly=True)
    if beside.exists() and not there:
        return None
    record = made.model_dump(exclude_none=True) | {_CHECKSUM: checksum_of(voxels)}
    if there and (KEY not in there or not set(there) <= _OURS | {KEY}):
        return there | {KEY: record}  # somebody else's: nothing of it changes
    return {
        "Description": made.summary,
        "GeneratedBy": [{"Name": "napari-medgen", "Version": __version__}],
        "Sources": [source] if source else [],
        "Synthetic": made.synthetic,
        KEY: record,
    }


def _content(beside: Path, *, strictly: bool = False) -> dict[str, Any]:
    """Content of a sidecar; empty where there is none, or ``strictly`` where writing it again would change it."""
    with contextlib.suppress(OSError, ValueError):
        if beside.is_file() and beside.stat().st_size <= _LARGEST:
            text = beside.read_bytes()
            content = parse_json(text)
            if strictly:
                json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
            return content if isinstance(content, dict) else {}
    return {}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _refuse(word: str) -> float:
    raise ValueError(word)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
