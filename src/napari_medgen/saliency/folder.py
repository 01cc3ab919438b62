"""Every image of a folder explained: one table, a picture each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from napari_medgen.errors import UnsuitableError, WritingError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.models.kept import Opens
from napari_medgen.running.folder_rows import Row
from napari_medgen.running.folders import FolderJob, FolderReport, Item, work_through
from napari_medgen.running.naming import plain
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.writing import write_whole
from napari_medgen.saliency.export import map_png
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest

TABLE = "explained"


@dataclass(frozen=True)
class ExplainWay:
    """How the images of a folder are explained.

    Attributes
    ----------
    request
        Class, method and batch norm.
    side
        Of the body, for the images whose files do not say it.
    signed
        Whether pictures show for and against, or how much alone.
    anyway
        Whether an image that the model was not trained for gets a map too, with a remark.
    """

    request: ExplainRequest = field(default_factory=ExplainRequest)
    side: Laterality = ""
    signed: bool = True
    anyway: bool = False


def explain_files(
    opens: Opens[Classifier],
    files: Sequence[Path],
    out: Path,
    way: ExplainWay | None = None,
    placement: Placement | None = None,
) -> Steps[FolderReport]:
    """Explain radiographs.

    Parameters
    ----------
    out
        Gets ``explained.csv`` (file, class that is explained, probability of each class, model, method, picture, remark)
        and a picture of each image beside its map.
    placement
        Where it is done; by default in this process.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    WritingError
        If the folder cannot be written.
    """
    way = way or ExplainWay()
    plan = fingerprint([opens.key, asdict(way)])
    job = FolderJob(TABLE, out, plan, _Explain(opens, out.resolve(), way), placement or Placement())
    return (yield from work_through(files, job))


@dataclass(frozen=True)
class _Explain:
    """Explains an image and writes its picture."""

    opens: Opens[Classifier]
    out: Path
    way: ExplainWay

    def __call__(self, item: Item) -> Steps[Row]:
        classifier = self.opens()
        image = read_radiograph(item.file)
        image = replace(image, laterality=image.laterality or self.way.side)
        yield Progress(0, 1, item.file.name)
        look = classifier.look(image, explain=True)
        if look.doubts and not self.way.anyway:
            raise UnsuitableError(" ".join(look.doubts))
        found = look.map(self.way.request)
        name = plain(f"{item.stem}_{found.label}_{found.request.method}")
        picture = write_whole(self.out / f"{name}.png", map_png(image, found, self.way.signed), WritingError)
        values: dict[str, str | int | float] = {"class": found.label}
        values |= {f"probability of {label}": p for label, p in found.answer.probabilities.items()}
        values |= {"model": classifier.name, "method": found.request.method, "picture": picture.name}
        if remarks := [*image.notes, *found.warnings]:
            values["remark"] = " ".join(remarks)
        return Row(values, (picture,))
