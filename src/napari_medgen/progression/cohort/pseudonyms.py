"""What patients are called in a cohort that travels."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from napari_medgen.progression.cohort.visits import Visit


def pseudonym(patient: str, salt: str) -> str:
    """What a patient is called in a cohort that travels.

    Whoever knows the patient's number finds the patient's visits again, to leave them out. Nobody can list the patients:
    the function is slow (scrypt, RFC 7914), so that trying all numbers of a hospital takes days.
    """
    digest = hashlib.scrypt(patient.encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=6)
    return f"p-{digest.hex()}"


def without_identifiers(visits: Sequence[Visit], salt: str) -> tuple[Visit, ...]:
    """Visits with pseudonyms for patients, months for dates, and no file names."""
    names = {patient: pseudonym(patient, salt) for patient in {visit.patient for visit in visits}}
    numbers: Counter[str] = Counter()
    ways: dict[str, str] = {}
    for visit in visits:
        if visit.trajectory not in ways:
            ways[visit.trajectory] = f"{names[visit.patient]}/{numbers[visit.patient]}"
            numbers[visit.patient] += 1
    return tuple(
        replace(visit, patient=names[visit.patient], trajectory=ways[visit.trajectory], date=None, image="")
        for visit in visits
    )
