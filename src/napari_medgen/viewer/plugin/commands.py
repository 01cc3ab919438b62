"""Commands of the menus and the command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.imaging.resample import upright
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.catalogue import list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.layers.volumes import contrast_limits, image_options, volume_of
from napari_medgen.viewer.plugin.activity import shown_as_activity
from napari_medgen.viewer.work.models import generators
from napari_medgen.viewer.work.queue import Job, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def make_upright(viewer: ViewerModel) -> int:
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

    viewer = unwrapped(viewer)
    layer, volume = _selected_volume(viewer)
    if not volume.placement.oriented:
        raise ImageError(f"{volume.name} does not say how it lies in the patient, so that nobody knows what upright is.")
    watch(viewer)

    def show(made: Volume) -> None:
        if layer not in viewer.layers:
            return
        low, high = layer.contrast_limits
        viewer.add_image(made.voxels, **image_options(made, (low, high)) | {"name": f"{volume.name}, upright"})
        layer.visible = False

    work = Job(
        f"Making {volume.name} upright",
        lambda: upright(volume),
        on_result=show,
        on_error=lambda error: show_error(str(error)),
    )
    return shared_queue().submit(shown_as_activity(work))


def _selected_volume(viewer: ViewerModel) -> tuple[Image, Volume]:
    from napari.layers import Image

    layer = viewer.layers.selection.active
    if not isinstance(layer, Image):
        raise ImageError("Select an image layer first.")
    data, meta, _ = layer.as_layer_data_tuple()
    return layer, volume_of(data, meta)


def reconstruct_selected(viewer: ViewerModel, model: str = "") -> int:
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

    viewer = unwrapped(viewer)
    layer, volume = _selected_volume(viewer)
    watch(viewer)
    chosen = model or next(folder.name for folder in list_models("volumes"))

    def steps() -> Steps[tuple[Volume, Volume, tuple[float, float]]]:
        yield Progress(0, 3, "Loading the model")
        seen, made = yield from generators.get((chosen, "")).reconstruct(volume)
        return seen, made, contrast_limits(seen.voxels)

    def show(result: tuple[Volume, Volume, tuple[float, float]]) -> None:
        if layer not in viewer.layers:
            return
        seen, made, limits = result
        cells = []
        for shown, name, caption in (
            (seen, f"Network's view: {volume.name}", "what the network sees"),
            (made, f"SYNTHETIC: {volume.name} decoded", "encoded and decoded"),
        ):
            added = add_image(viewer, shown.voxels, **image_options(shown, limits) | {"name": name, "visible": False})
            cells.append((Shown(added, caption),))
        stage_of(viewer).show(layer)  # what is shown again afterwards
        stage_of(viewer).set_scene("reconstruct", cells, left=lambda: None)

    work = Job(f"Reconstructing {volume.name}", steps, on_result=show, on_error=lambda error: show_error(str(error)))
    return shared_queue().submit(shown_as_activity(work))
