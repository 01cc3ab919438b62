"""How good a classifier and its maps are, on labelled images and under attack."""
