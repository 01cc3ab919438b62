"""Baseline, predicted frames and their change as layers: side by side, or one over the other."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.saliency.colours import signed_colours
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.future.months import name_slider
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import CALIBRATED, FUTURE, KEY, SIDE, UNIT, made_by
from napari_medgen.viewer.layers.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_medgen.imaging.provenance import Provenance

MONTHS = "months"
_CHANGE_LIMIT = 0.5
_PAIRS = ("neighbour", "neighbour later", "real", "expected")
_PROJECTED = "projected"  # the projection itself, there only to blink with
_ROLES = ("baseline", _PROJECTED, "predicted", "change", *_PAIRS)
_CHANGE = Colormap(signed_colours(), name="medgen change", nan_color=(0, 0, 0, 0))  # nothing is drawn at zero


def is_ours(layer: Layer) -> bool:
    """Whether this module made a layer."""
    return FUTURE in layer.metadata


class FutureDisplay:
    """Owns the layers of one projected image in a viewer.

    Parameters
    ----------
    viewer
        A napari viewer or ``ViewerModel``.

    Attributes
    ----------
    side
        Of the body, which all pictures show.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._stage = stage_of(viewer)
        self._name, self.side = "", ""
        self._layers: dict[str, Image] = {}
        self._captions: dict[str, str] = {}
        self._place: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._source: weakref.ref[Image] | None = None
        self.side_by_side = True

    def begin(
        self,
        plane: Plane,
        box: tuple[float, float, float, float],
        seen: NDArray[np.float32],
        *,
        same: bool = False,
        asked: bool = False,
    ) -> None:
        """Take away what was there of another image, and show the real frame as the baseline.

        Parameters
        ----------
        plane
            The image on screen.
        box
            Top, left, bottom and right edge of what the networks see of it, in its pixels.
        seen
            (H, W) in [0, 1], as the patient's side shows it.
        same
            Whether the projection on screen is this run's own.
        asked
            Whether somebody asked for it just now, so that it comes before what was asked for earlier of the same image.
        """
        place = plane.part(box, (seen.shape[0], seen.shape[1]))
        again = self._source is not None and self._source() is plane.layer and place == self._place
        if again and self._layers.get("baseline") in self.viewer.layers:
            # A layer that stays costs nothing, a new one a fifth of a second.
            stay = ("baseline", "predicted") if same else ("baseline",)
            for role in [role for role, layer in self._layers.items() if layer.ndim > 2 or role not in stay]:
                self._drop(role)
        else:
            self.clear()
        self._place, self._source = place, weakref.ref(plane.layer)
        # The crop's own mark, so that the baseline of a synthetic image is marked as synthetic too.
        known = plane.layer.metadata
        own = {KEY: known[KEY]} if KEY in known else {}
        self._kept = {CALIBRATED: known[CALIBRATED]} if CALIBRATED in known else {}
        self._put("baseline", seen, "baseline", own, _grey())
        self._arrange(asked=asked and self._stage.subject is plane.layer)

    def show_projection(self, image: NDArray[np.float32], provenance: Provenance) -> None:
        """The projection (H, W) as it comes, in the place of the prediction."""
        self._put("predicted", image, "projection", made_by(provenance), _grey())
        self._arrange()

    def show_frames(self, frames: NDArray[np.float32], step: float, name: str, provenance: Provenance) -> None:
        """Predicted frames (T, H, W) and their change from the first; NaN where there is none yet."""
        known = np.nan_to_num(frames, nan=0.0)
        before = dict(self._layers)
        predicted = before.get("predicted")
        options = {"scale": (step, *self._place["scale"]), "translate": (0.0, *self._place["translate"])}
        options |= {"units": ("month", *self._place["units"]), "axis_labels": (MONTHS, *self._place["axis_labels"])}
        self._name = name
        self._put("predicted", known, name, made_by(provenance), _grey() | options)
        # A new layer holds the window for a fifth of a second, so the two come one after the other where there is time.
        if (predicted is not None and predicted.ndim > 2) or not np.isnan(frames).any():
            change = np.nan_to_num(frames - frames[:1], nan=0.0)
            diverging = {"colormap": _CHANGE, "contrast_limits": (-_CHANGE_LIMIT, _CHANGE_LIMIT)}
            unit = {UNIT: "change of brightness (1 is from black to white)"}
            self._put("change", change, "change of brightness", made_by(provenance) | unit, diverging | options)
        if before != self._layers:
            self._arrange()
            self.show_month(self.month if "change" in before else 0.0)

    def show_pair(self, roles: tuple[str, str], pair: list[tuple[str, NDArray[np.float32], dict[str, Any]]]) -> None:
        """Two more images (H, W) below: a neighbour's visits, or the real and the expected second visit."""
        for role in _PAIRS:
            self._drop(role)
        for role, (name, image, metadata) in zip(roles, pair, strict=True):
            self._put(role, image, name, metadata, _grey())
            self._captions[role] = name
        self.side_by_side = True
        self._arrange(asked=True)

    def arrange(self, *, side_by_side: bool) -> None:
        """Side by side, or the prediction over what it is counted from: the projected baseline."""
        self.side_by_side = side_by_side
        predicted = self._layers.get("predicted")
        if not side_by_side and self.there and predicted is not None:
            metadata = {key: value for key, value in predicted.metadata.items() if key != FUTURE}
            self._put(_PROJECTED, np.asarray(predicted.data[0]), "projected baseline", metadata, _grey())
        self._arrange(asked=True)

    def blink(self) -> None:
        """Show the projected baseline where the prediction is, or the prediction again.

        Both are the generator's, so that what flickers is the change and not the blur of a projection.
        """
        predicted = self._layers.get("predicted")
        if predicted is None:
            return
        if self.side_by_side or not self.on_stage:
            self.arrange(side_by_side=False)
        elif _PROJECTED in self._layers:
            predicted.visible = not predicted.visible

    def show_month(self, months: float) -> None:
        """Move the viewer's own slider to the frame that is nearest to a month."""
        predicted = self._layers.get("predicted")
        if predicted is not None and "change" in self._layers:
            step = float(predicted.scale[0])
            frame = min(max(round(months / step), 0), predicted.data.shape[0] - 1)
            self.viewer.dims.set_point(self._axis, frame * step)
            self.caption_month()

    def caption_month(self) -> None:
        """Say under which month's pictures stand, if they are on the canvas."""
        if not self.there or not self.on_stage:
            return
        month = self.month
        if abs(float(self.viewer.dims.point[self._axis]) - month) > 1e-6:
            self.viewer.dims.set_point(self._axis, month)  # another layer's slider goes further than the frames
        name_slider(self.viewer, self._axis, f"{month:g}")
        for role, text in self._captions_now().items():
            if role in self._layers:
                self._stage.caption(self._layers[role], text)

    @property
    def _axis(self) -> int:
        """The viewer's axis that counts months."""
        return int(self.viewer.dims.ndim) - 3

    @property
    def month(self) -> float:
        """The month whose frame is on screen; 0 where there are no frames."""
        predicted = self._layers.get("predicted")
        if predicted is None or predicted.ndim < 3 or "change" not in self._layers:
            return 0.0
        step = float(predicted.scale[0])
        frame = round(float(self.viewer.dims.point[self._axis]) / step)
        return min(max(frame, 0), predicted.data.shape[0] - 1) * step

    @property
    def there(self) -> bool:
        """Whether the predicted frames are still in the viewer."""
        return self._layers.get("change") in self.viewer.layers and self._layers.get("predicted") in self.viewer.layers

    @property
    def on_stage(self) -> bool:
        """Whether these pictures are what the canvas shows."""
        return self._stage.owner == id(self)

    @property
    def layers(self) -> dict[str, Image]:
        """The layers that are there, by their role."""
        return dict(self._layers)

    def show_again(self) -> bool:
        """Bring the pictures back to the canvas, if there are any."""
        if self._layers and not self.on_stage:
            self._arrange(asked=True)
        return bool(self._layers)

    def close_pair(self) -> None:
        """Take a neighbour's visits, or a second visit and its expectation, away again."""
        had = [role for role in _PAIRS if role in self._layers]
        for role in had:
            self._drop(role)
        if had:
            self._arrange()

    def clear(self) -> None:
        """Take everything away; the image that was chosen is what is shown then."""
        self.leave()
        for role in _ROLES:
            self._drop(role)
        self._captions.clear()

    def tidy(self) -> None:
        """Forget layers that were removed by hand."""
        gone = [role for role, layer in self._layers.items() if layer not in self.viewer.layers]
        for role in gone:
            del self._layers[role]
        if gone and self.on_stage:
            if self._layers:
                self._arrange()
            else:
                self._stage.leave(id(self))

    def _put(
        self, role: str, data: NDArray[np.float32], name: str, metadata: dict[str, Any], options: dict[str, Any]
    ) -> None:
        metadata = {FUTURE: role, SIDE: self.side} | self._kept | metadata
        old = self._layers.get(role)
        if old is not None and old in self.viewer.layers and old.ndim == data.ndim:
            old.data = data
            old.name = name
            old.metadata = metadata
            for key in ("scale", "translate"):
                if key in options:
                    setattr(old, key, options[key])
            return
        self._drop(role)
        kept = self._place | options
        # Hidden until it has its cell and its caption.
        kept |= {"name": name, "metadata": metadata, "rgb": False, "visible": False}
        self._layers[role] = add_image(self.viewer, data, **kept)

    def _drop(self, role: str) -> None:
        layer = self._layers.pop(role, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _arrange(self, *, asked: bool = False) -> None:
        """Put what there is on the stage: side by side, or one over the other.

        Unless somebody asked for it, only where it is shown already, or where the image is that it belongs to.
        """
        there = [role for role in _ROLES if role in self._layers]
        if not there:
            self._stage.leave(id(self))
            return
        at_home = self._stage.owner is None and self._source is not None and self._stage.subject is self._source()
        if not (asked or self.on_stage or at_home):
            return
        over = not self.side_by_side and "predicted" in there
        pair = [role for role in there if role in _PAIRS]
        captions = self._captions_now()
        if over:
            # From below; what is hidden can be made visible in napari's list, and lies on top then.
            order = [role for role in ("baseline", _PROJECTED, "predicted", *_PAIRS, "change") if role in there]
            seen = ("baseline", _PROJECTED, "predicted")
            cells = [tuple(Shown(self._layers[role], captions[role], role in seen) for role in order)]
        else:
            order = [role for role in there if role != _PROJECTED]
            cells = [(Shown(self._layers[role], captions[role]),) for role in order]
        self._stage.set_scene(
            id(self), cells, left=self._left, single=self._one_picture, rows=2 if pair and not over else None
        )
        for role in ("baseline", _PROJECTED):
            _link(self._layers.get(role), self._layers.get("predicted"))
        if "predicted" in self._layers:
            self.viewer.layers.selection.active = self._layers["predicted"]

    def _captions_now(self) -> dict[str, str]:
        months = f"{self.month:g} months"
        made = self._captions | {_PROJECTED: "projected baseline", "predicted": "projection"}
        predicted = self._layers.get("predicted")
        if predicted is not None and predicted.ndim > 2:
            made["predicted"] = f"{self._name}\n{months}"
            made["change"] = f"change of brightness\n{months}"
        return {role: made.get(role, role) for role in _ROLES}

    def leave(self) -> None:
        """Give the stage back; the layers stay, hidden, until they are asked for again."""
        if self.on_stage:
            self._left()
            self._stage.leave(id(self))

    def _left(self) -> None:
        """Somebody else has the stage."""
        if "change" in self._layers:
            name_slider(self.viewer, self._axis, "")

    def _one_picture(self) -> None:
        """The grid was taken away: the prediction lies over the projected baseline."""
        self._layers = {role: layer for role, layer in self._layers.items() if layer in self.viewer.layers}
        self.arrange(side_by_side=False)


def _grey() -> dict[str, Any]:
    return {"colormap": "gray", "contrast_limits": (0.0, 1.0), "interpolation2d": "linear"}


def _link(first: Image | None, second: Image | None) -> None:
    from napari.experimental import link_layers

    if first is not None and second is not None:
        link_layers([first, second], ("contrast_limits", "gamma"))
