"""The table of the knees whose ways are followed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QHeaderView

from napari_medgen.viewer.widgets.parts import Table

_HEIGHT = 268  # eight lines, as many as are followed by default


class NeighbourTable(Table):
    """Knee, grades, interval and distance of each neighbour, the nearest first."""

    def __init__(self) -> None:
        super().__init__(("Knee", "Grades", "Months", "Distance"), single=True)
        self.size_columns(QHeaderView.ResizeMode.Stretch)
        self.setFixedHeight(_HEIGHT)
        self.explain_columns(
            (
                "One of the most similar knees of the cohort, by its pseudonym and side; double-click opens both visits",
                "Kellgren-Lawrence grade at its first and at its last visit",
                "Months between the two visits; nominal where the cohort is a surrogate",
                "How unlike its latent is that of this image: 0 is the same",
            )
        )

    def show_neighbours(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Show them, the first chosen."""
        self.fill(rows)
        if rows:
            self.selectRow(0)
