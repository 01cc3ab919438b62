"""The work behind **Project**, run in the background."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work import extrapolators

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.progression.model import ProjectedRadiograph
    from napari_medgen.viewer.future.view import ExtrapolateForm


def project_image(form: ExtrapolateForm, image: Radiograph) -> Steps[ProjectedRadiograph]:
    """Load the model, see whether the image is one for it, and project.

    Yields
    ------
    Progress
        Previews are what the display needs: the frame, the real image and the projection of that moment (or None) as the
        patient's side shows them, and the provenance.

    Raises
    ------
    ImageError
        If the classifier was not trained for such an image.
    """
    yield Progress(0, 0, "Loading the model")
    model = extrapolators.extrapolator(form.model, form.cohort)
    model.check(image)
    doubts = model.grader.doubts(image)
    if doubts and not form.anyway:
        raise ImageError(" ".join(doubts))
    from napari_medgen.progression.frame import frame_of, to_grey

    frame, seen = frame_of(image, model.architecture)
    baseline, made = frame.restore(to_grey(seen)[0, 0].numpy()), model.provenance(image, form.projection)
    yield Progress(0, form.projection.count, "Projecting", (frame, baseline, None, made))
    work = model.project(image, form.projection)
    while True:
        try:
            progress = next(work)
        except StopIteration as stop:
            found: ProjectedRadiograph = stop.value
            return found
        look = progress.preview
        shown = None if look is None else frame.restore(look[0, 0].numpy())
        yield replace(progress, preview=(frame, baseline, shown, made))
