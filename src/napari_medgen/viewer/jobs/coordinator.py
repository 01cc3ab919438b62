"""The coordinator of **Jobs**: looks at the jobs of this user every second, and does what is asked of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.files import read_volume
from napari_medgen.running.jobs import Job, JobStatus, cancel_job, forget_job, list_jobs
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.jobs.view import JobsView
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_medgen.imaging.volume import Volume

_EVERY = 1000  # milliseconds
_OPENED = 6  # volumes at a time

Opened = list[tuple["Volume", dict[str, Any]]]


class JobsCoordinator(Coordinator):
    """Shows the jobs that were sent, from this window or another, and opens what they made.

    Parameters
    ----------
    view
        Table and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where models compute, and where files are read.
    """

    def __init__(self, view: JobsView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files)
        self.view = view
        view.stop_requested.connect(self._of_chosen(cancel_job))
        view.open_requested.connect(self.open_results)
        view.folder_requested.connect(self._of_chosen(lambda job: _show(job.out)))
        view.log_requested.connect(self._of_chosen(lambda job: _show(job.folder / "log.txt")))
        view.remove_requested.connect(self._of_chosen(forget_job))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_EVERY)
        self._undo.append(self._timer.stop)
        self.look()

    def look(self) -> None:
        """Read how the jobs are, unless an earlier look is still on its way."""
        if self.work.runs("look"):
            return

        def steps() -> Steps[list[JobStatus]]:
            yield Progress(0, 1)
            return list_jobs()

        self.work.submit("look", "Jobs", steps, self.view.show_jobs, shown=False, file=True)

    def open_results(self) -> None:
        """Open the first volumes of the chosen job; the folder of one that makes none."""
        status = self.view.chosen
        if status is None:
            return
        out, begun = status.job.out, status.job.begun

        def steps() -> Steps[Opened]:
            yield Progress(0, 0, "Looking for volumes")
            made: Opened = []
            for path in (files := _volumes(out, begun)[:_OPENED]):
                yield Progress(len(made), len(files), path.name)
                volume = read_volume(path)
                made.append((volume, image_options(volume)))
            return made

        def show(made: Opened) -> None:
            if not made:
                _show(out)
            for volume, options in made:
                self.stage.show(add_image(self.viewer, volume.voxels, **options | {"visible": False}))

        self.view.work.show()
        self.work.submit("open", "Opening results", steps, show, file=True, on_end=self._hide_panel)

    def _hide_panel(self) -> None:
        self.view.work.setVisible(bool(self.view.work.error))

    def sorry(self, error: Exception) -> None:
        """Say what went wrong."""
        self.view.work.show()
        super().sorry(error)

    def _of_chosen(self, do: Callable[[Job], object]) -> Callable[[], None]:
        def asked() -> None:
            if (status := self.view.chosen) is not None:
                try:
                    do(status.job)
                except MedGenError as error:
                    self.sorry(error)
                self.look()

        return asked


def _volumes(out: Path, begun: float) -> list[Path]:
    """Volumes of a folder that were written since then."""
    found = [path for path in out.glob("*.nii.gz") if path.stat().st_mtime >= begun]
    return sorted(
        found, key=lambda path: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
    )


def _show(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


class Jobs(DockWidget):
    """The dock widget **Jobs**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = JobsView()
        self.coordinator = JobsCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
