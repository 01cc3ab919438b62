"""Who made what a layer shows: its provenance, and which of our widgets put it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import ValidationError

from napari_medgen.imaging.provenance import Provenance

if TYPE_CHECKING:
    from napari.layers import Image, Layer

KEY = "napari_medgen"
RADIOGRAPH = f"{KEY}_radiograph"
# What a widget writes into the metadata of a layer that it added; such a layer is no image to ask a model about.
SALIENCY, COMPARISON, SEEN, FUTURE = (f"{KEY}_{what}" for what in ("saliency", "comparison", "seen", "future"))
SIDE = f"{KEY}_side"  # metadata: of the body, which a predicted picture shows
CALIBRATED = f"{KEY}_calibrated"  # metadata: millimetres of a pixel, where somebody measured a known length
UNIT = f"{KEY}_unit"  # metadata: what a layer's colours count, in words
MODALITY = f"{KEY}_modality"  # metadata: of a scan that was read from DICOM
_OURS = {SALIENCY, COMPARISON, SEEN, FUTURE}


def is_subject(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer is an image that somebody opened, and none that a widget of ours added."""
    from napari.layers import Image

    return isinstance(layer, Image) and not _OURS & set(layer.metadata)


def can_be_explained(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer is an image, and no map or copy of one: also what was predicted can be explained."""
    from napari.layers import Image

    return isinstance(layer, Image) and not (_OURS - {FUTURE}) & set(layer.metadata)


def is_map(layer: Layer) -> bool:
    """Whether a layer is a saliency map of ours."""
    return SALIENCY in layer.metadata


def made_by(provenance: Provenance) -> dict[str, Any]:
    """Metadata of a layer that a model made."""
    return {KEY: provenance.model_dump(exclude_none=True)}


def provenance_of(layer: Layer) -> Provenance:
    """Provenance that a layer carries; an empty one for a layer of somebody else's."""
    return provenance_in(layer.metadata)


def provenance_in(metadata: dict[str, Any]) -> Provenance:
    """Provenance in a layer's metadata."""
    try:
        return Provenance.model_validate(metadata.get(KEY, {"software": ""}))
    except ValidationError:
        return Provenance(software="")


def is_synthetic(layer: Layer) -> bool:
    """Whether a model made what a layer shows."""
    return provenance_of(layer).synthetic


def common_metadata(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Metadata of what is made of several images: what they agree on; synthetic if one is, and as doubtful as the worst."""
    made = [provenance_in(one) for one in each]
    kept: dict[str, Any] = {key: value for key, value in each[0].items() if all(one.get(key) == value for one in each)}
    if any(one != made[0] for one in made):
        synthetic = any(one.synthetic for one in made)
        kept[KEY] = Provenance(synthetic=synthetic, software="").model_dump(exclude_none=True)
    abouts = [one[RADIOGRAPH] for one in each if RADIOGRAPH in one]
    if abouts and RADIOGRAPH not in kept:
        same = {key: value for key, value in abouts[0].items() if all(about.get(key) == value for about in abouts)}
        identities = {about.get("identity", "unknown") for about in abouts}
        worst = next(kind for kind in ("present", "unknown", "removed") if kind in identities)
        notes = tuple(dict.fromkeys(note for about in abouts for note in about.get("notes", ())))
        kept[RADIOGRAPH] = same | {"identity": worst, "notes": notes}
    return kept
