"""The same work on every image of a folder: one table with a row an image, and a picture each.

Each image is a shard: done here, or on the workers of a cluster by whoever is free. What is done stands in a journal beside
the table, so that the same request on the same folder goes on after whatever stopped it, and comes to the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medgen import __version__
from napari_medgen.errors import ImageError, MedGenError, WritingError
from napari_medgen.running.cluster import spread
from napari_medgen.running.folder_names import free_suffix, names_of, stems_of
from napari_medgen.running.folder_rows import FAILURES, Row, Rows, Value, write_failures
from napari_medgen.running.journal import Journal, header_of
from napari_medgen.running.naming import unused
from napari_medgen.running.progress import Progress, Steps, mapped
from napari_medgen.running.shards import Placement, Shard, require_shared, unforeseen
from napari_medgen.running.stamps import file_stamp, fingerprint

_JOURNAL = ".unfinished"


@dataclass(frozen=True)
class Item:
    """One image.

    Attributes
    ----------
    file
        Of the image.
    stem
        With which the names of its pictures begin; no other image's do.
    about
        What is told of it beside its file.
    """

    file: Path
    stem: str
    about: Any = None


@dataclass(frozen=True)
class FolderJob:
    """What is done with each image, and where it goes.

    Attributes
    ----------
    name
        Of the table, without its ending.
    out
        Folder of the table and the pictures, which all workers see.
    plan
        Fingerprint of everything that a row depends on beside its image.
    work
        What is done with an image. For a cluster, pickle must be able to name it.
    placement
        Where it is done.
    """

    name: str
    out: Path
    plan: str
    work: Callable[[Item], Steps[Row]]
    placement: Placement = field(default_factory=Placement)


@dataclass(frozen=True)
class FolderReport:
    """What came of a folder.

    Attributes
    ----------
    table
        The CSV file.
    rows
        What stands in it, an image each; ``remark`` says why there is nothing else, or what speaks against it.
    failures
        Why images gave nothing, by their files' names.
    pictures
        Files that were written beside the table.
    before
        Images that an earlier run, which was stopped, had done.
    """

    table: Path
    rows: list[dict[str, Value]]
    failures: dict[str, str]
    pictures: list[Path]
    before: int = 0

    @property
    def summary(self) -> str:
        """For a person."""
        done = len(self.rows) - len(self.failures)
        text = f"{done} of {len(self.rows)} images" + (f", {self.before} of them before" if self.before else "")
        return text + (f"; {len(self.failures)} could not be used, and the table says why" if self.failures else "")


def work_through(files: Sequence[Path], job: FolderJob, about: Mapping[Path, Any] | None = None) -> Steps[FolderReport]:
    """Do a piece of work on each of many files, or go on where an earlier run was stopped.

    An image that cannot be used is a row with its sentence, and ends nothing; ``failures.csv`` names those alone. The table
    is written while it grows, and when the work is ended early. A finished one is never touched again: the next run writes
    another, with a number.

    Parameters
    ----------
    files
        Whose names differ.
    about
        What is told of a file; its row depends on that too.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    WritingError
        If the table or a picture cannot be written for want of room or rights.
    ClusterError
        See :func:`~napari_medgen.running.cluster.spread`.
    """
    if any(file.parent.resolve() == job.out.resolve() for file in files):
        raise WritingError(
            f"Choose another folder than that of the images, {job.out.name}: pictures would be taken for images."
        )
    names, told, plan = names_of(files), about or {}, fingerprint([job.plan, __version__])
    table = _unfinished(job, plan) or job.out / f"{unused(job.out, job.name, ('.csv', _JOURNAL))}.csv"
    with Journal(table.with_suffix(_JOURNAL), {"plan": plan, "files": sorted(names.values())}) as journal:
        made = Rows(table, {names[file]: _stamp(file, told.get(file)) for file in files}, journal)
        before, stems = len(made.rows), _stems(files, names, job.out, journal)
        todo = [file for file in files if names[file] not in made.rows]
        shards = [Shard(names[file], Item(file.resolve(), stems[file], told.get(file))) for file in todo]

        def counted(progress: Progress) -> Progress:
            ended = progress.step if progress.total == len(shards) else 0  # or the steps of one shard alone
            return Progress(before + ended, len(files), progress.message)

        work = _Guarded(job.work, job.out.resolve(), not job.placement.here)
        try:
            steps = spread(work, shards, job.placement, on_done=made.add, proven=before > 0)
            found = yield from mapped(steps, counted)
            for name, why in found.failed.items():
                made.add(name, Row(failure=why))
        finally:
            made.write()
        _write_failures(table, job.name, made.failures)
        journal.remove()
    yield Progress(len(files), len(files), "Done")
    return FolderReport(table, made.in_order(), made.failures, made.pictures(), before)


@dataclass(frozen=True)
class _Guarded:
    """Work on an image whose errors are a row, not the end: of a thousand, one that nobody foresaw ends none of the others.

    What is not the image's fault, such as a model that is not there, is left to whoever spreads the work.
    """

    work: Callable[[Item], Steps[Row]]
    out: Path
    elsewhere: bool

    def __call__(self, item: Item) -> Steps[Row]:
        if self.elsewhere:
            require_shared(self.out)
        try:
            return (yield from self.work(item))
        except ImageError as error:
            return Row(failure=str(error))
        except MedGenError:
            raise
        except Exception as error:
            return Row(failure=unforeseen(error))


def _stems(files: Sequence[Path], names: Mapping[Path, str], out: Path, journal: Journal) -> dict[Path, str]:
    """Beginnings of pictures' names that nothing in the folder has, but what this run, or its beginning, made.

    The number that tells them apart is found once and kept in the journal; files that came later have one of their own.
    """
    stems = stems_of(files)
    if not any("suffix" in entry for entry in journal.entries):
        journal.add({"suffix": free_suffix(out, stems.values())})
    suffix = next((entry["suffix"] for entry in journal.entries if "suffix" in entry), "")
    known = set(journal.header.get("files", ()))
    late = {stem for file, stem in stems.items() if names[file] not in known}
    later = free_suffix(out, late)
    return {file: stem + (later if stem in late else str(suffix)) for file, stem in stems.items()}


def _unfinished(job: FolderJob, plan: str) -> Path | None:
    """The table of a run that was stopped and asked for the same."""
    for path in sorted(job.out.glob(f"{job.name}*{_JOURNAL}")):
        if header_of(path).get("plan") == plan:
            return path.with_suffix(".csv")
    return None


def _stamp(file: Path, about: Any) -> str:
    """What a row depends on beside the plan."""
    try:
        return fingerprint([file_stamp(file), about])
    except OSError:
        return ""  # reading it will say what is wrong


def _write_failures(table: Path, name: str, failures: Mapping[str, str]) -> None:
    """Write, or take away, the list that belongs to a table."""
    path = table.with_name(FAILURES.replace(".csv", table.name.removeprefix(name)))
    if failures:
        write_failures(table.parent, failures, path.name)
    else:
        path.unlink(missing_ok=True)
