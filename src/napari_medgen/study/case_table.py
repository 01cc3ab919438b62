"""Cases from a table or a folder into a study: images copied under names that say nothing, truth into the key."""

from __future__ import annotations

import csv
import hashlib
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from napari_medgen.errors import StudyError
from napari_medgen.imaging.files import read_image
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.imaging.worklist import read_worklist
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import write_all
from napari_medgen.study.key import Key, KeyCase
from napari_medgen.study.located import clause, read_located
from napari_medgen.study.material import alike, keep_image, keep_map
from napari_medgen.study.protocol import Protocol, read_protocol
from napari_medgen.study.protocol_file import with_entry
from napari_medgen.study.questions import Number, Question, YesNo
from napari_medgen.study.study import PROTOCOL, Study

_IMAGE = ("image", "path", "file", "filename")
_YES, _NO = ("yes", "true", "1", "y"), ("no", "false", "0", "n")

Picture = Volume | Radiograph


@dataclass(frozen=True)
class NewCase:
    """A case that is to be put into a study.

    Attributes
    ----------
    image
        A file, or an image.
    truth
        Right answers by question.
    group, aid, images, overlays, training
        As :class:`~napari_medgen.study.protocol.Case` has them; files or images.
    maps
        Values in [-1, 1] by arm, that are laid over the image.
    source
        Where it comes from, for the key; the file by default.
    """

    image: Path | Picture
    truth: Mapping[str, Any] = field(default_factory=dict)
    group: str = "all"
    aid: Path | Picture | None = None
    images: Mapping[str, Path | Picture] = field(default_factory=dict)
    overlays: Mapping[str, Path] = field(default_factory=dict)
    maps: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False
    source: str = ""


def read_case_table(source: Path, protocol: Protocol) -> list[NewCase]:
    """Cases of a CSV table, or the images of a folder.

    A table has a column ``image`` (or ``path``, ``file``, ``filename``), and may have ``group``, ``aid``, ``training``,
    ``truth`` (of the first question) or ``truth.QUESTION``, ``image.ARM`` and ``overlay.ARM``. Paths count from the table's
    own folder. A column of another name is a mistake.

    Raises
    ------
    StudyError
        If something in it cannot be, with its line.
    ImageError
        If a folder holds no image.
    """
    if source.is_dir():
        return [NewCase(case.path, source=case.path.name) for case in read_worklist(source)]
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [str(name).strip() for name in reader.fieldnames or ()]
            rows = [
                (reader.line_num, {str(k).strip(): str(v or "").strip() for k, v in row.items() if k is not None})
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise StudyError(f"{source.name} is no table of cases (CSV).") from None
    table = _Table(source, columns, protocol)
    return [table.case(row, line) for line, row in rows]


class _Table:
    def __init__(self, source: Path, columns: Sequence[str], protocol: Protocol) -> None:
        self._source, self._protocol = source, protocol
        self._questions = {question.id: question for question in protocol.questions}
        image = next((name for name in _IMAGE if name in columns), None)
        if image is None:
            raise StudyError(f"{source.name} has no column image, so that nobody knows where its images are.")
        self._image = image
        known = {image, "group", "aid", "training", "truth"}
        known |= {f"truth.{name}" for name in self._questions}
        known |= {f"{what}.{arm}" for what in ("image", "overlay") for arm in protocol.order.arms}
        if unknown := [name for name in columns if name not in known]:
            raise StudyError(f"{source.name} has a column {unknown[0]}; there can be: {', '.join(sorted(known))}.")

    def case(self, row: dict[str, str], line: int) -> NewCase:
        truth = {}
        for name in self._questions:
            said = row.get(f"truth.{name}", "") or (row.get("truth", "") if name == next(iter(self._questions)) else "")
            if said:
                truth[name] = self._truth(name, said, line)
        arms = self._protocol.order.arms
        image = self._file(row.get(self._image, ""), line)
        return NewCase(
            image=image,
            truth=truth,
            group=row.get("group", "") or "all",
            aid=self._file(row["aid"], line) if row.get("aid") else None,
            images={arm: self._file(row[f"image.{arm}"], line) for arm in arms if row.get(f"image.{arm}")},
            overlays={arm: self._file(row[f"overlay.{arm}"], line) for arm in arms if row.get(f"overlay.{arm}")},
            training=self._yes(row.get("training", ""), line),
            source=row.get(self._image, ""),
        )

    def _file(self, entry: str, line: int) -> Path:
        if not entry:
            raise StudyError(f"{self._source.name}, line {line}: no file is named.")
        path = (self._source.parent / entry).resolve()
        if not path.is_file():
            raise StudyError(f"{self._source.name}, line {line}: {entry} does not exist.")
        return path

    def _yes(self, said: str, line: int) -> bool:
        if said and said.lower() not in (*_YES, *_NO):
            raise StudyError(f"{self._source.name}, line {line}: training is yes or no, not {said}.")
        return said.lower() in _YES

    def _truth(self, name: str, said: str, line: int) -> Any:
        question: Question = self._questions[name]
        value: Any = said
        if isinstance(question, YesNo):
            value = True if said.lower() in _YES else False if said.lower() in _NO else said
        elif isinstance(question, Number):
            try:
                value = float(said)
            except ValueError:
                value = said
        try:
            question.check_truth(value)
        except StudyError as error:
            raise StudyError(f"{self._source.name}, line {line}: {said} cannot be: {clause(error)}.") from None
        return value


def import_cases(
    study: Study, cases: Sequence[NewCase], *, matched: bool = False, arms: Mapping[str, str] | None = None
) -> Steps[Study]:
    """Put cases into a study; where it is in use already, its protocol becomes the next version.

    Parameters
    ----------
    matched
        Whether volumes are put on the grid of the first and into one range of grey values
        (:func:`~napari_medgen.study.material.alike`).
    arms
        What each arm is, for the key.

    Yields
    ------
    Progress
        One step an image.

    Returns
    -------
    Study
        As it is now.

    Raises
    ------
    StudyError
        If it cannot be written: the study is as it was. ImageError: if an image cannot be read.
    """
    protocol, folder = study.protocol, study.folder
    key = study.key() or Key(study=protocol.study)
    if protocol.truth_checksum and not study.key_file.is_file():
        raise StudyError(f"{study.key_file.name} is not here: cases are added where the key is.")
    names = _names(protocol, cases)
    like = _read(cases[0].image) if matched and cases else None
    if like is not None and not isinstance(like, Volume):
        raise StudyError("Only volumes are matched; a radiograph stays on its own grid.")
    added, known = [], dict(key.cases)
    files = _Files(folder, protocol.blinding.mark, like)
    try:
        # In the order of the new names: what a disk says of when files were made must tell nothing.
        for number, (name, case) in enumerate(sorted(zip(names, cases, strict=True), key=lambda pair: pair[0])):
            yield Progress(number, len(cases), "Preparing images")
            added.append({"id": name, **files.entry(case)})
            known[name] = KeyCase(truth=dict(case.truth), source=case.source or str(getattr(case.image, "name", "")))
        _write(study, added, key.model_copy(update={"cases": known, "arms": {**key.arms, **(arms or {})}}), files.checksums)
    except BaseException:
        files.take_back()
        raise
    return Study.open(folder)


class _Files:
    """The files of new cases, which are taken back if anything goes wrong."""

    def __init__(self, folder: Path, mark: bool, like: Volume | None) -> None:
        self._folder, self._mark, self._like = folder, mark, like
        self._written: list[str] = []
        self.checksums: dict[str, str] = {}

    def entry(self, case: NewCase) -> dict[str, Any]:
        """What the protocol says of a case beside its name, its files written."""
        image = _read(case.image)
        if self._like is not None:
            if not isinstance(image, Volume):
                raise StudyError("Only volumes are matched; a radiograph stays on its own grid.")
            image = alike([image], self._like)[0]
        entry: dict[str, Any] = {"image": self._keep(image)}
        if case.group != "all":
            entry["group"] = case.group
        if case.aid is not None:
            aid = _read(case.aid)
            if isinstance(aid, Volume) != isinstance(image, Volume):
                raise StudyError("An aid is of the same kind as its image: a volume for a volume, a picture for a picture.")
            entry["aid"] = self._keep(aid, "aids")
        if case.images:
            entry["images"] = {arm: self._keep(_read(one)) for arm, one in case.images.items()}
        maps = {arm: _map_values(_read(one)) for arm, one in case.overlays.items()} | dict(case.maps)
        if maps:
            entry["overlays"] = {arm: self._noted(keep_map(values, self._folder)) for arm, values in maps.items()}
        if case.training:
            entry |= {"training": True, "truth": dict(case.truth)}
        return entry

    def _keep(self, image: Picture, folder: str = "images") -> str:
        return self._noted(keep_image(image, self._folder, folder, mark=self._mark))

    def _noted(self, file: str) -> str:
        self._written.append(file)
        self.checksums[file] = hashlib.sha256((self._folder / file).read_bytes()).hexdigest()
        return file

    def take_back(self) -> None:
        """Remove all that was written."""
        for file in self._written:
            (self._folder / file).unlink(missing_ok=True)


def _map_values(image: Picture) -> NDArray[np.float32]:
    """The values of somebody's map: a picture from nothing (black) to 1 (white), a volume of floats as it is."""
    if isinstance(image, Radiograph):
        return image.grey()
    values = image.voxels.astype(np.float32)
    return values if image.voxels.dtype == np.float32 else values / max(float(np.abs(values).max()), 1.0)


def _read(source: Path | Picture) -> Picture:
    return read_image(source) if isinstance(source, Path) else source


def _names(protocol: Protocol, cases: Sequence[NewCase]) -> list[str]:
    """New names of cases: in an order that says nothing of the table's, unless the study shows them in the table's order.

    Training cases come first, in the table's order.
    """
    taken = [int(found.group(1)) for case in protocol.cases if (found := re.fullmatch(r"c(\d+)", case.id))]
    order = list(range(len(cases)))
    if protocol.order.kind != "fixed":
        secrets.SystemRandom().shuffle(order)
    order.sort(key=lambda index: (not cases[index].training, index if cases[index].training else 0))
    place_of = {index: place for place, index in enumerate(order, start=max(taken, default=0) + 1)}
    return [f"c{place_of[index]:03d}" for index in range(len(cases))]


def _write(study: Study, added: list[dict[str, Any]], key: Key, checksums: Mapping[str, str]) -> None:
    """Protocol and key together, or neither; and only a protocol that can be read again."""
    path = study.folder / PROTOCOL
    cases = [*(read_located(path).content.get("cases") or []), *added]
    text = path.read_text(encoding="utf-8-sig")
    text = with_entry(text, "truth_checksum", key.checksum)
    text = with_entry(text, "cases", sorted(cases, key=lambda case: str(case["id"])))
    text = with_entry(text, "checksums", {**study.protocol.checksums, **checksums})
    if study.protocol.cases:  # somebody may read it already, here or elsewhere
        text = with_entry(text, "version", study.protocol.version + 1)
    with tempfile.TemporaryDirectory(prefix="medgen-study-") as place:
        (Path(place) / PROTOCOL).write_text(text, encoding="utf-8")
        read_protocol(Path(place) / PROTOCOL)
    said = "# The truth of every case. Readers need not have this file; napari-medgen study unblind opens it.\n"
    held = yaml.safe_dump(key.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    write_all({study.key_file: (said + held).encode(), path: text.encode()}, StudyError)
