"""Which images of a folder are worked through, where tables and pictures go, and what computes."""

from __future__ import annotations

from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_medgen.viewer.widgets.manners import Manners
from napari_medgen.viewer.widgets.parts import say, sentence, warning

HERE = "This computer"


class FolderDialog(QDialog):
    """Asks for two folders and where to compute; does not block the window.

    Parameters
    ----------
    title
        What is done with the images.
    cluster
        That may compute; empty for none.

    Signals
    -------
    chosen
        Folder of the images, folder of the results, and the cluster that computes; empty for this computer.
    """

    chosen = Signal(object, object, str)

    def __init__(self, title: str, cluster: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cluster = cluster
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.images = FileEdit(
            label="Images of", mode=FileDialogMode.EXISTING_DIRECTORY, tooltip="Every radiograph of this folder"
        )
        self.out = FileEdit(
            label="Write to", mode=FileDialogMode.EXISTING_DIRECTORY, tooltip="Gets a table and a picture of each image"
        )
        self.place = ComboBox(
            label="Compute on",
            choices=[HERE, f"Cluster {cluster.removeprefix('tcp://')}"] if cluster else [HERE],
            tooltip="What is sent to the cluster goes on when this window is closed; Jobs shows it",
        )
        fields = Container(widgets=[self.images, self.out, *([self.place] if cluster else [])], labels=True)
        what = sentence()
        say(what, "The same request on the same folders goes on where an earlier one was stopped.")
        self.fault = warning()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.choose)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(fields.native)
        layout.addWidget(what)
        layout.addWidget(self.fault)
        layout.addWidget(buttons)
        self.setMinimumWidth(460)
        self._manners = Manners(self)

    def choose(self) -> None:
        """Take what was entered, or say what is missing."""
        images, out = (str(field.line_edit.value or "").strip() for field in (self.images, self.out))
        if not images or not Path(images).is_dir():
            say(self.fault, "Choose the folder of the images.")
        elif not out:
            say(self.fault, "Choose a folder for table and pictures.")
        else:
            self.chosen.emit(Path(images), Path(out), "" if self.place.value == HERE else self._cluster)
            self.close()
