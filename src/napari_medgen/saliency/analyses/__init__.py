"""The inner workings of a classifier: what its map depends on, what its layers compute, how its loss changes."""
