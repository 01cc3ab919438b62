"""Siemens' mosaics: the slices of a volume tiled in one frame, whose places stand in a private header (CSA).

nibabel reads that header; what the public part says of the place is that of the mosaic's own corner.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset

from napari_medgen.errors import ImageError
from napari_medgen.imaging.series.frame import Frame

_MOST = 1024


def tiles_of(frame: Frame, header: Dataset) -> list[Frame]:
    """The slices of a mosaic, each with its place and where it stands in the frame.

    Parameters
    ----------
    frame
        The mosaic as if it were a slice.
    header
        All of the file's header.

    Raises
    ------
    ImageError
        If the private header is missing, as after a strict anonymisation, or does not fit.
    """
    from nibabel.nicom.dicomwrappers import MosaicWrapper, WrapperError

    name = frame.path.name
    try:
        own = MosaicWrapper(header)
        count, side = int(own.n_mosaic), int(own.mosaic_size)
        normal, first = np.asarray(own.slice_normal, float), np.asarray(own.image_position, float)
    except (WrapperError, ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError):
        raise ImageError(f"{name} is a Siemens mosaic whose header no longer says where its slices lie.") from None
    step = frame.between or frame.thickness or 0.0
    fits = 0 < count <= min(side**2, _MOST) and frame.rows % side == 0 and frame.columns % side == 0 and step > 0
    if not fits or not np.isfinite([*normal, *first]).all():
        raise ImageError(f"{name} is a Siemens mosaic that does not divide into its slices.")
    rows, columns = frame.rows // side, frame.columns // side
    places = [first + number * step * normal for number in range(count)]
    return [
        replace(
            frame,
            rows=rows,
            columns=columns,
            position=(float(place[0]), float(place[1]), float(place[2])),
            tile=(number // side * rows, number % side * columns),
        )
        for number, place in enumerate(places)
    ]
