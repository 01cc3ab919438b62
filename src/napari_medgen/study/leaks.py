"""What tells one kind of case from another without looking at the image: shapes, grids, values, files, names, order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_image
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.study.key import Key
from napari_medgen.study.protocol import Case, Protocol

_REDRAWS = 2000
_UNLIKELY = 0.01  # that a property which has nothing to do with the truth tells it so well
_TELLS = 0.9  # share of cases whose kind it tells


@dataclass(frozen=True)
class _Seen:
    """What can be known of a file without looking at it: numbers, and what has no order."""

    numbers: Mapping[str, float]
    words: Mapping[str, Hashable]


def find_leaks(folder: Path, protocol: Protocol, key: Key | None) -> Iterator[str]:
    """Sentences on what tells kinds of cases apart: by the truth of each question, and models by their maps and images.

    A property is named where it tells the kind of nine cases in ten, and so well by chance in less than one study in a
    hundred (permutation test, 2,000 redraws): with fewer than four cases of a kind nothing can be said.

    Parameters
    ----------
    folder
        The study's.
    key
        Without it only what differs between arms is looked at.
    """
    seen: dict[str, _Seen | None] = {}

    def look(file: str) -> _Seen | None:
        if file not in seen:
            seen[file] = _look(folder / file)
        return seen[file]

    for question in protocol.questions if key is not None else ():
        told = {case.id: key.truth(case.id, question.id) for case in protocol.cases} if key is not None else {}
        cases = [case for case in protocol.cases if isinstance(told[case.id], (bool, str))]
        kinds = [told[case.id] for case in cases]
        yield from _tells([case.image for case in cases], kinds, look, f"the answer to {question.id}", cases, protocol)
        aids = [case for case in cases if case.aid]
        yield from _tells(
            [case.aid for case in aids], [told[case.id] for case in aids], look, f"the answer to {question.id}, by the aid"
        )
    for what in ("images", "overlays"):
        pairs = [(file, arm) for case in protocol.cases for arm, file in getattr(case, what).items()]
        yield from _tells([file for file, _ in pairs], [arm for _, arm in pairs], look, f"the arm, by its {what}")


def _look(path: Path) -> _Seen | None:
    try:
        image: Volume | Radiograph = read_image(path)
        size, date = path.stat().st_size, path.stat().st_mtime
    except (ImageError, OSError):
        return None
    values: NDArray[Any] = image.voxels if isinstance(image, Volume) else image.pixels
    spacing = image.spacing
    numbers = {
        "the lowest grey value": float(values.min()),
        "the highest grey value": float(values.max()),
        "how many grey values there are": float(len(np.unique(values))),
        "the size of the file": float(size),
        "the date of the file": float(date),
    }
    words: dict[str, Hashable] = {
        "the shape": values.shape,
        "the spacing": tuple(round(step, 4) for step in spacing) if spacing else None,
        "the bit depth": str(values.dtype),
        "the kind of file": "".join(path.suffixes[-2:]),
        "what the file says of its origin": image.provenance.model_dump_json(exclude_none=True),
        "the name of the file": path.stem.rstrip("0123456789-_ ") if not _drawn(path.stem) else "",
    }
    if isinstance(image, Volume):
        words["the place in space"] = tuple(np.round(image.affine[:3, 3], 2).tolist())
    return _Seen(numbers, words)


def _drawn(stem: str) -> bool:
    """Whether a name is one of those that are drawn at random."""
    return len(stem) == 12 and all(letter in "0123456789abcdef" for letter in stem)


def _tells(
    files: Sequence[str],
    kinds: Sequence[Hashable],
    look: Any,
    what: str,
    cases: Sequence[Case] = (),
    protocol: Protocol | None = None,
) -> Iterator[str]:
    found = [look(file) for file in files]
    kept = [index for index, one in enumerate(found) if one is not None]
    labels = [kinds[index] for index in kept]
    if len(set(labels)) < 2:
        return
    there: list[_Seen] = [found[index] for index in kept]
    number = np.unique([repr(label) for label in labels], return_inverse=True)[1]
    for name in there[0].numbers:
        if _tell_by_number(np.array([one.numbers[name] for one in there]), number):
            yield f"{name} tells {what}"
    for name in dict.fromkeys(name for one in there for name in one.words):
        if _tell_by_word([one.words.get(name) for one in there], number):
            yield f"{name} tells {what}"
    if cases:
        if _tell_by_word([cases[index].group for index in kept], number):
            yield f"the groups of the cases tell {what}"
        if _tell_by_word([cases[index].id.rstrip("0123456789-_") for index in kept], number):
            yield f"the names of the cases tell {what}"
        fixed = protocol is not None and protocol.order.kind == "fixed"
        if fixed and _tell_by_number(np.array(kept, float), number):
            yield f"the order of the cases tells {what}"


def _tell_by_number(values: NDArray[np.float64], kinds: NDArray[np.intp]) -> bool:
    """Whether a threshold parts one kind from the others."""
    if len(np.unique(values)) < 2:
        return False
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    cuts = np.flatnonzero(np.diff(ordered) > 0) + 1

    def right(labels: NDArray[np.intp]) -> float:
        best = 0.0
        for kind in np.unique(labels):
            own = (labels[order] == kind).astype(float)
            below = np.cumsum(own)[cuts - 1]
            first = below + (len(own) - cuts) - (own.sum() - below)  # this kind below the cut, the others above
            best = max(best, float(np.max(np.maximum(first, len(own) - first)) / len(own)))
        return best

    return _unlikely(right, kinds)


def _tell_by_word(values: Sequence[Hashable], kinds: NDArray[np.intp]) -> bool:
    """Whether the kind follows from a value."""
    if len(set(values)) < 2:
        return False
    codes = {value: index for index, value in enumerate(dict.fromkeys(values))}
    coded = [codes[value] for value in values]

    def right(labels: NDArray[np.intp]) -> float:
        pairs = Counter(zip(coded, labels.tolist(), strict=True))
        most = Counter[int]()
        for (value, _), count in pairs.items():
            most[value] = max(most[value], count)
        return sum(most.values()) / len(coded)

    return _unlikely(right, kinds)


def _unlikely(right: Any, kinds: NDArray[np.intp]) -> bool:
    told = right(kinds)
    commonest = np.bincount(kinds).max() / len(kinds)
    if told < max(_TELLS, (1 + commonest) / 2):
        return False
    rng = np.random.default_rng(0)
    as_well = sum(right(rng.permutation(kinds)) >= told for _ in range(_REDRAWS))
    return bool((as_well + 1) / (_REDRAWS + 1) < _UNLIKELY)
