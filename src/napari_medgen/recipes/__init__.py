"""Recipes of the shipped models: TOML files that ``napari-medgen train NAME`` finds by name."""
