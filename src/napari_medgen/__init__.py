"""Generative models and interpretable classifiers for radiology, in napari.

Importing this package imports neither torch nor monai nor napari.
"""

__version__ = "0.1.0"
