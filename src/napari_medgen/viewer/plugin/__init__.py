"""What napari finds in the manifest: readers, writers, commands, sample data; and the demonstration."""
