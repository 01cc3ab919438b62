"""A bar in napari's activity dock, for work that no widget of ours shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medgen.viewer.work.queue import Job

if TYPE_CHECKING:
    from napari_medgen.running.progress import Progress


def shown_as_activity(job: Job) -> Job:
    """The same job, with a bar in napari's activity dock from now until it is over."""
    from napari.utils import progress

    bar = progress(total=0, desc=job.title)

    def tell(step: Progress) -> None:
        if step.total and bar.total != step.total:
            bar.reset(total=step.total)
        if step.total:
            bar.update(step.step - bar.n)
        bar.set_description(f"{job.title}: {step.message}" if step.message else job.title)
        job.on_progress(step)

    def end() -> None:
        bar.close()
        job.on_end()

    return replace(job, on_progress=tell, on_end=end)
