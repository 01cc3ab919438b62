"""The key of a study: the truth of each case and where it comes from, in a file that readers need not have.

The protocol holds its SHA-256, so that it cannot be changed unnoticed once the study is in use; :mod:`.unblind` opens it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from napari_medgen.errors import StudyError
from napari_medgen.study.events import canonical
from napari_medgen.study.located import clause, read_located, validated
from napari_medgen.study.protocol import Protocol
from napari_medgen.study.questions import Name

NAME = "truth.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyCase(_Part):
    """What is known of one case.

    Attributes
    ----------
    truth
        Right answers by question.
    source
        Where its image comes from: a file, or a model and a seed.
    """

    truth: dict[Name, Any] = {}
    source: str = ""


class Key(_Part):
    """A whole key.

    Attributes
    ----------
    study
        Of which study.
    cases
        By the protocol's names of cases.
    arms
        What each arm is, for example which model.
    """

    study: Name
    cases: dict[Name, KeyCase] = {}
    arms: dict[Name, str] = {}

    @property
    def checksum(self) -> str:
        """SHA-256 of all that it says, however its file is laid out."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()

    def truth(self, case: str, question: str) -> Any:
        """The right answer; None where nobody knows it."""
        known = self.cases.get(case)
        return known.truth.get(question) if known is not None else None


def read_key(path: Path, protocol: Protocol) -> Key:
    """Read and check a key.

    Raises
    ------
    StudyError
        If it cannot be read, is another study's, or does not fit the protocol: file, line and field.
    """
    located = read_located(path)
    key = validated(Key, located)
    if key.study != protocol.study:
        raise located.fault(("study",), f"it is the key of {key.study}, not of {protocol.study}")
    questions = {question.id: question for question in protocol.questions}
    cases = {case.id for case in protocol.cases}
    for name, case in key.cases.items():
        if name not in cases:
            raise located.fault(("cases", name), "the protocol has no case of this name")
        for question, value in case.truth.items():
            if question not in questions:
                raise located.fault(("cases", name, "truth", question), "no question is called so")
            try:
                questions[question].check_truth(value)
            except StudyError as error:
                raise located.fault(("cases", name, "truth", question), clause(error)) from None
    if key.checksum != protocol.truth_checksum:
        raise located.fault((), "it was changed since the protocol was made: its checksum is another (truth_checksum)")
    return key
