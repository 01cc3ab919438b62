"""What tests of reader studies share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.study.session import Session
from napari_medgen.study.study import Study

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
        session.forward()
        done += 1


def a_picture(seed: int) -> Radiograph:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 30)).astype(np.uint8)
    return Radiograph(pixels, (0.0, 255.0), spacing=(0.5, 0.5), laterality="L", name=f"MILLER-{seed}")
