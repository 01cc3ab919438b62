"""The table of the knees whose ways are followed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QHeaderView

from napari_medgen.viewer.widgets.parts import Table


class NeighbourTable(Table):
    """Knee, grades, interval and distance of each neighbour, the nearest first."""

    def __init__(self) -> None:
        super().__init__(("Knee", "Grades", "Months", "Distance"), single=True)
        self.size_columns(QHeaderView.ResizeMode.Stretch)
        self.setFixedHeight(124)
        self.setToolTip("The most similar knees of the cohort; double-click opens both visits")

    def show_neighbours(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Show them, the first chosen."""
        self.fill(rows)
        if rows:
            self.selectRow(0)
