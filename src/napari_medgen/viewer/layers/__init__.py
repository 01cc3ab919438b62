"""What lies in napari's layers: volumes, radiographs, the slice on screen, and who made a layer."""
