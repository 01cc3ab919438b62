"""**Overlay saliency**: view, coordinator, the work behind it and the maps on screen."""
