from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.volumes.copy_check import TrainingReference, describe


def volumes(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal((32, 20, 24)).astype(np.float32) for _ in range(count)]


def test_a_copy_is_seen_and_named(rng: np.random.Generator) -> None:
    real = volumes(6, rng)
    reference = TrainingReference.of(real, list("abcdef"))
    found = reference.nearest(real[3] * 0.8 + 0.1 + 0.01 * rng.standard_normal(real[3].shape))
    assert found.name == "d"
    assert found.distance < 0.01
    assert (found.percentile, found.verdict) == (0, "near copy")
    assert "volume d" in found.explanation


def test_a_stranger_is_no_copy(rng: np.random.Generator) -> None:
    real = volumes(6, rng)
    found = TrainingReference.of(real, list("abcdef")).nearest(volumes(1, rng)[0])
    assert found.distance > 0.5
    assert found.verdict != "near copy"


def test_a_mirrored_copy_counts_where_mirrors_were_trained_on(rng: np.random.Generator) -> None:
    real = volumes(4, rng)
    mirrored = np.flip(real[1], 2)
    assert TrainingReference.of(real, list("abcd"), flip=2).nearest(mirrored).distance < 0.01
    assert TrainingReference.of(real, list("abcd")).nearest(mirrored).distance > 0.5


def test_descriptors_are_small_unit_vectors(rng: np.random.Generator) -> None:
    descriptor = describe(rng.standard_normal((64, 80, 63)).astype(np.float32))
    assert descriptor.size <= 16**3
    assert np.linalg.norm(descriptor) == pytest.approx(1, abs=1e-5)
    assert describe(np.zeros((4, 4, 4), np.float32)).sum() == 0


def test_volumes_of_one_person_do_not_tell_how_alike_people_are(rng: np.random.Generator) -> None:
    people = volumes(6, rng)
    twice = [volume for one in people for volume in (one, one + 0.01 * rng.standard_normal(one.shape).astype(np.float32))]
    numbers = [number for number in range(6) for _ in range(2)]
    reference = TrainingReference.of(twice, [str(i) for i in range(12)], numbers)
    alone = TrainingReference.of(people, list("abcdef"))
    assert reference.between.min() == pytest.approx(alone.between.min(), abs=0.05)
    # A sample that is a third person's scan again is a near copy, however alike the two scans of one person are.
    assert reference.nearest(twice[4] + 0.01 * rng.standard_normal(twice[4].shape)).verdict == "near copy"
