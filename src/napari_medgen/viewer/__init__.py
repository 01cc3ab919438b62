"""The only room that knows of napari and Qt: widgets, layers, readers and writers, background work."""
