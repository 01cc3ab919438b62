"""DICOM series: what lies in a folder, which images belong together, and the volume that they are.

``finding`` lists files, ``frames`` reads their headers, ``grouping`` finds which frames are one stack, ``stack`` how it lies
in space, ``reading`` its voxels.
"""
