"""Commands of the menus and the command palette."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_medgen.errors import ImageError
from napari_medgen.imaging.resample import upright
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.catalogue import list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.grid import take_grid
from napari_medgen.viewer.canvas.hanging import hang
from napari_medgen.viewer.layers.volumes import image_options, volume_of
from napari_medgen.viewer.work import generators
from napari_medgen.viewer.work.queue import Job, shared_queue

if TYPE_CHECKING:
    import napari.viewer


def make_upright(viewer: napari.viewer.Viewer) -> int:
    """Resample the selected volume to the patient's own axes in the background, and show it in the place of the other.

    Returns
    -------
    int
        Number of the job in the queue.

    Raises
    ------
    ImageError
        If no volume is selected, or nobody knows how it lies in the patient.
    """
    from napari.utils.notifications import show_error

    layer, volume = _selected_volume(viewer)
    if not volume.placement.oriented:
        raise ImageError(f"{volume.name} does not say how it lies in the patient, so that nobody knows what upright is.")
    hang(viewer)

    def show(made: Volume) -> None:
        if layer not in viewer.layers:
            return
        limits = tuple(layer.contrast_limits)
        options = image_options(made) | {"name": f"{volume.name}, upright", "contrast_limits": limits}
        viewer.add_image(made.voxels, **options)
        layer.visible = False

    return shared_queue().submit(
        Job(
            f"Making {volume.name} upright",
            lambda: upright(volume),
            on_result=show,
            on_error=lambda error: show_error(str(error)),
        )
    )


def _hide(layers: list[Any]) -> None:
    for reference in layers:
        if (layer := reference()) is not None:
            layer.visible = False


def _selected_volume(viewer: napari.viewer.Viewer) -> tuple[Any, Volume]:
    from napari.layers import Image

    layer = viewer.layers.selection.active
    if not isinstance(layer, Image):
        raise ImageError("Select an image layer first.")
    data, meta, _ = layer.as_layer_data_tuple()
    return layer, volume_of(data, meta)


def reconstruct_selected(viewer: napari.viewer.Viewer, model: str = "") -> int:
    """Encode and decode the selected volume, and show what the network saw beside what it made of it.

    Parameters
    ----------
    model
        Its name; by default the first that is found.

    Returns
    -------
    int
        Number of the job in the queue.

    Raises
    ------
    ImageError
        If no volume is selected.
    """
    from napari.utils.notifications import show_error

    layer, volume = _selected_volume(viewer)
    hang(viewer)
    chosen = model or next(folder.name for folder in list_models("volumes"))

    def steps() -> Steps[Any]:
        yield Progress(0, 3, "Loading the model")
        return (yield from generators.generator(chosen, "").reconstruct(volume))

    def show(result: Any) -> None:
        if layer not in viewer.layers:
            return
        seen, made = result
        limits = image_options(seen)["contrast_limits"]
        for shown, name in ((seen, f"Network's view: {volume.name}"), (made, f"SYNTHETIC: {volume.name} decoded")):
            added = viewer.add_image(shown.voxels, **image_options(shown) | {"name": name, "contrast_limits": limits})
            added.name_overlay.position = "bottom_left"
            added.name_overlay.font_size = 9
            added.name_overlay.visible = True
        pair = [weakref.ref(getattr(one, "__wrapped__", one)) for one in viewer.layers[-2:]]
        take_grid(viewer, "reconstruct", lambda: _hide(pair), shape=(1, 2))
        for other in viewer.layers[:-2]:
            other.visible = False

    return shared_queue().submit(
        Job(f"Reconstructing {volume.name}", steps, on_result=show, on_error=lambda error: show_error(str(error)))
    )
