"""A study as a folder: its protocol, its images, its key where it is, and the readings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.study import key as keys
from napari_medgen.study.key import Key, read_key
from napari_medgen.study.protocol import Protocol, read_protocol
from napari_medgen.study.session import Session

PROTOCOL, READINGS, UNBLINDED = "protocol.yaml", "readings", "unblinded.json"


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes
    ----------
    folder
        Where it lies.
    protocol
        What its protocol says.
    """

    folder: Path
    protocol: Protocol

    @classmethod
    def open(cls, folder: Path) -> Study:
        """The study of a folder.

        Raises
        ------
        StudyError
            If there is none, or its protocol says what none may.
        """
        if not folder.is_dir():
            raise StudyError(f"There is no folder {folder}.")
        if not (folder / PROTOCOL).is_file():
            raise StudyError(f"{folder} is no study: it has no {PROTOCOL}; napari-medgen study new makes one.")
        return cls(folder, read_protocol(folder / PROTOCOL))

    @property
    def codes(self) -> tuple[str, ...]:
        """The readers' codes."""
        return tuple(reader.code for reader in self.protocol.readers)

    @property
    def key_file(self) -> Path:
        """Where the key lies, if it is here."""
        return self.folder / keys.NAME

    def key(self) -> Key | None:
        """The key; None where it is not here.

        Raises
        ------
        StudyError
            If it is not the one that the protocol was made with.
        """
        return read_key(self.key_file, self.protocol) if self.key_file.is_file() else None

    def store_of(self, reader: str) -> Path:
        """The file of a reader's readings."""
        return self.folder / READINGS / f"{reader}.sqlite"

    @property
    def begun(self) -> tuple[str, ...]:
        """Readers who have begun."""
        return tuple(code for code in self.codes if self.store_of(code).is_file())

    def session(self, reader: str) -> Session:
        """A reader's session, begun or gone on with.

        Raises
        ------
        StudyError
            See :class:`~napari_medgen.study.session.Session`; or if an image is missing.
        """
        if not self.protocol.cases:
            raise StudyError("This study has no case yet; napari-medgen study import-cases adds some.")
        if missing := self.missing_files():
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise StudyError(f"{missing[0]}{more} of the study is not here; copy its folder again.")
        if (self.folder / UNBLINDED).is_file():
            raise StudyError("The blind of this study was opened; what was read now would not be blind.")
        return Session.open_in(self.folder, self.protocol, reader)

    def missing_files(self) -> list[str]:
        """Files that the protocol names and that are not there."""
        named = dict.fromkeys(one for case in self.protocol.cases for one in case.files)
        return [one for one in named if not (self.folder / one).is_file()]
