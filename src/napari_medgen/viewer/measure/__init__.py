"""Measuring on what is shown: tools that draw, a table of what was drawn, and the joint space of a knee."""
