"""DICOM series: what lies in a folder, which images belong together, and the volume that they are.

``finding`` lists files, ``headers`` reads of each its frames (``frame``; ``mosaic`` of Siemens' tiles), ``grouping`` finds
which frames are one stack, ``stack`` how it lies in space, ``reading`` its voxels; ``writing`` makes a series of one.
"""
