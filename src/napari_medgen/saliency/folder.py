"""Every image of a folder explained: one table, a picture each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_medgen.errors import UnsuitableError, WritingError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.naming import plain, unused
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.running.folders import FolderReport, Row, work_through
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import write_whole
from napari_medgen.saliency.export import map_png
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest

TABLE = "explained.csv"


def explain_files(
    classifier: Classifier,
    files: Sequence[Path],
    out: Path,
    request: ExplainRequest | None = None,
    *,
    side: Laterality = "",
    signed: bool = True,
    anyway: bool = False,
) -> Steps[FolderReport]:
    """Explain radiographs, one after the other.

    Parameters
    ----------
    out
        Gets ``explained.csv`` (file, class that is explained, probability of each class, model, method, picture, remark)
        and a picture of each image beside its map.
    side
        Of the body, for the images whose files do not say it.
    anyway
        Whether an image that the model was not trained for gets a map too, with a remark.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    WritingError
        If the folder cannot be written.
    """
    asked = request or ExplainRequest()
    table = out / f"{unused(out, TABLE.removesuffix('.csv'), ('.csv',))}.csv"

    def work(file: Path) -> Steps[Row]:
        image = read_radiograph(file)
        image = replace(image, laterality=image.laterality or side)
        yield Progress(0, 1)
        look = classifier.look(image, explain=True)
        if look.doubts and not anyway:
            raise UnsuitableError(" ".join(look.doubts))
        found = look.map(asked)
        stem = unused(out, plain(f"{file.stem}_{found.label}_{found.request.method}"), (".png",))
        picture = write_whole(out / f"{stem}.png", map_png(image, found, signed), WritingError)
        values: dict[str, str | int | float] = {"class": found.label}
        values |= {f"probability of {name}": p for name, p in found.answer.probabilities.items()}
        values |= {"model": classifier.name, "method": found.request.method, "picture": picture.name}
        if remarks := [*image.notes, *found.warnings]:
            values["remark"] = " ".join(remarks)
        return Row(values, (picture,))

    return (yield from work_through(files, table, work))
