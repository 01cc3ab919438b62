"""Commands for what a hospital's archive exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_medgen.errors import ImageError

if TYPE_CHECKING:
    from napari_medgen.imaging.series.finding import Entry, Found

app = typer.Typer(no_args_is_help=True, help="DICOM series: what they are, and as volumes.")

_Source = Annotated[Path, typer.Argument(help="A folder, a DICOMDIR, a zip archive, or one file.")]


@app.command()
def info(source: _Source) -> None:
    """List the series of a folder or a disc, and what is odd about them."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from napari_medgen.imaging.series.finding import unpacked

    with unpacked(source) as place:
        found = _find(place)
    table = Table("no.", "series", "images", "rows x columns", "mm", "remarks")
    for number, entry in enumerate(found.entries, 1):
        words = (str(number), entry.title, str(entry.images), entry.size, entry.steps, " ".join(entry.remarks))
        table.add_row(*map(escape, words))  # brackets in a description are no colours
    Console().print(table)
    for failure in found.failures:
        typer.echo(failure, err=True)


@app.command()
def convert(
    source: _Source,
    out: Annotated[Path, typer.Option(help="The NIfTI file to write, .nii or .nii.gz.")],
    series: Annotated[int, typer.Option(min=0, help="Which one, by the number that `info` prints.")] = 0,
    even: Annotated[bool, typer.Option("--even", help="Resample slices that are unevenly apart.")] = False,
) -> None:
    """Write a series as a NIfTI volume; grey values are Hounsfield units where it is a CT."""
    from napari_medgen.imaging.nifti import write_nifti
    from napari_medgen.imaging.series.finding import unpacked
    from napari_medgen.imaging.series.reading import read_stack
    from napari_medgen.running.console import drive_on_console

    with unpacked(source) as place:
        entry = _chosen(_find(place), series)
        volume = drive_on_console(read_stack(entry.series, entry.stack, even=even), source.name)  # type: ignore[arg-type]
    for remark in volume.remarks:
        typer.echo(remark, err=True)
    for path in write_nifti(volume, out):
        print(path)


@app.command()
def export(
    images: Annotated[list[Path], typer.Argument(help="A volume (NIfTI, NRRD), or radiographs (PNG, JPEG, DICOM).")],
    out: Annotated[Path, typer.Option(help="The folder to write, new or empty.")],
    modality: Annotated[str, typer.Option(help="MR or CT: what a volume is of, or like.")] = "MR",
    mark: Annotated[bool, typer.Option("--mark", help="Burn SYNTHETIC into radiographs that a model made.")] = False,
) -> None:
    """Write a volume, or radiographs, as a DICOM series of nobody; what a model made says so in every file."""
    from napari_medgen.imaging.files import kind_of, read_volume
    from napari_medgen.imaging.series.writing import write_series
    from napari_medgen.running.console import drive_on_console

    kind = modality.upper()
    if kind not in ("MR", "CT"):
        raise ImageError(f"A series is of MR or CT, not {modality}.")
    if all(kind_of(image) == "radiograph" for image in images):
        print(f"{out}: {_export_pictures(images, out, mark=mark)} pictures")
        return
    if len(images) > 1:
        raise ImageError("A series is one volume, or radiographs alone.")
    written = drive_on_console(write_series(read_volume(images[0]), out, kind), images[0].name)  # type: ignore[arg-type]
    print(f"{out}: {len(written)} slices")


def _export_pictures(images: list[Path], out: Path, *, mark: bool) -> int:
    """Radiographs as secondary captures of one series; how many."""
    from dataclasses import replace

    from napari_medgen.imaging.files import read_radiograph
    from napari_medgen.imaging.raster import burnt
    from napari_medgen.imaging.secondary_capture import Picture, capture_series
    from napari_medgen.running.writing import write_all

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ImageError(f"{out.name} exists and is not an empty folder.")
    pictures = []
    for path in images:
        image = read_radiograph(path)
        if image.identity != "removed":
            typer.echo(f"{path.name}: look whether its pixels name a patient before you share it.", err=True)
        if mark and image.provenance.synthetic:
            image = replace(image, pixels=burnt(image.pixels, "SYNTHETIC", image.window))
        pictures.append(Picture(image))
    contents = capture_series(pictures, "radiographs")
    write_all({out / f"IM{number:05d}.dcm": one for number, one in enumerate(contents, 1)}, ImageError)
    return len(contents)


def _find(source: Path) -> Found:
    from napari_medgen.imaging.series.finding import dicom_files, find_series
    from napari_medgen.running.console import drive_on_console

    return drive_on_console(find_series(dicom_files(source)), source.name)


def _chosen(found: Found, number: int) -> Entry:
    """The volume that is meant: by its number, or the only one."""
    volumes = [entry for entry in found.entries if entry.stack is not None]
    if number:
        if number > len(found.entries):
            raise ImageError(f"There is no series {number}; there are {len(found.entries)}.")
        entry = found.entries[number - 1]
        if entry.stack is None:
            raise ImageError(f"Series {number} holds pictures that do not say where they lie, and no volume.")
        return entry
    if not volumes:
        raise ImageError("There is no volume, only pictures that do not say where they lie.")
    if len(volumes) > 1:
        raise ImageError(f"There are {len(volumes)} volumes; say which with --series (napari-medgen dicom info lists them).")
    return volumes[0]
