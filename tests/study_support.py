"""What tests of reader studies share."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.study.case_table import NewCase, import_cases
from napari_medgen.study.session import Session
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.templating import protocol_text

MakeStudy = Callable[..., Study]


def run(steps: Any) -> Any:
    """What a computation returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def a_volume(seed: int, shape: tuple[int, int, int] = (8, 10, 12), *, synthetic: bool = False) -> Volume:
    voxels = np.random.default_rng(seed).integers(0, 900, shape).astype(np.int16)
    made = Provenance(synthetic=synthetic, model="a-model" if synthetic else "")
    return Volume.on_grid(voxels, (2.0, 2.0, 2.0), f"patient-{seed}", provenance=made)


def maker(place: Path) -> MakeStudy:
    """Makes studies below a folder: by default of six volumes, three of them synthetic, for two readers."""

    def make(
        template: str = "turing", cases: list[NewCase] | None = None, *, folder: str = "study", count: int = 6
    ) -> Study:
        own = place / folder
        own.mkdir()
        (own / PROTOCOL).write_text(protocol_text(template, "test", ["R1", "R2"], 5))
        chosen = cases or [
            NewCase(
                a_volume(n, synthetic=n % 2 == 1), {"real": n % 2 == 0} if template == "turing" else {}, source=f"file-{n}"
            )
            for n in range(count)
        ]
        made: Study = run(import_cases(Study.open(own), chosen))
        return made

    return make


def read_all(session: Session, *, yes: bool = True, cases: int = 1000) -> None:
    """Read so many cases of a study, each answer as simple as it can be."""
    done = 0
    while session.trial is not None and done < cases:
        session.open()
        while session.missing:
            asked = session.missing[0]
            value: Any = getattr(asked, "options", ("x",))[0]
            if asked.kind == "yes_no":
                value = {"yes": yes, "confidence": 3} if asked.confidence else {"yes": yes}
            session.answer(asked.id, value)
            if not session.missing and session.protocol.paired is not None and session.part == "first":
                session.lock()
                session.show_aid()
        if session.trial.training:
            session.reveal()
        session.forward()
        done += 1


def a_picture(seed: int) -> Radiograph:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 30)).astype(np.uint8)
    return Radiograph(pixels, (0.0, 255.0), spacing=(0.5, 0.5), laterality="L", name=f"MILLER-{seed}")


def read_with_skill(study: Study, code: str, skill: float, seed: int = 0) -> None:
    """Read a Turing study to its end as a reader who is right so often."""
    rng, key = random.Random(f"{code}{seed}"), study.key()
    assert key is not None
    session = study.session(code)
    while session.trial is not None:
        session.open()
        case = session.trial.case
        while session.missing:
            asked = session.missing[0]
            value: Any = rng.choice(getattr(asked, "options", ("x",)))
            if asked.kind == "yes_no":
                right = key.truth(case, asked.id)
                value = {"yes": right if rng.random() < skill else not right}
                if asked.confidence:
                    value["confidence"] = rng.randint(1, asked.confidence)
            session.answer(asked.id, value)
        session.forward()
    session.close()
