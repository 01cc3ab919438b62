"""How good a volume model is on real data, and the measures that this takes."""
