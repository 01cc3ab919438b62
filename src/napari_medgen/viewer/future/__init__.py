"""**Extrapolate radiograph**: view, coordinator, the work behind it and the futures on screen."""
