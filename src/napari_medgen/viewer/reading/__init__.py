"""The reading room: linked views of what the viewer shows, with a radiologist's habits."""
