"""Background work: the queue, what one widget has in it, how it is shown, and the models that stay loaded."""
