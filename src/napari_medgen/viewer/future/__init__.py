"""**Extrapolate radiograph**: view, coordinator, the work behind it and the prediction on screen."""
