"""What an image is: voxels with their geometry and provenance, and the files they come from and go to."""

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume

__all__ = ["Provenance", "Volume"]
