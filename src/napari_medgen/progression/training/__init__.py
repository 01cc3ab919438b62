"""From a recipe and a folder of radiographs to a progression model."""
