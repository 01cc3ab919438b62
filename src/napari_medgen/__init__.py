"""Generative models and interpretable classifiers for radiology, in napari.

Importing this package imports neither torch nor monai nor napari. It asks OpenMP for passive waiting, which must be said
before PyTorch is loaded (:mod:`napari_medgen.threads`).
"""

from napari_medgen.threads import wait_passively

__version__ = "0.1.0"

wait_passively()
