"""System 2, manifold extrapolation: the future of a radiograph from the ways of its nearest neighbours (Han 2022)."""
