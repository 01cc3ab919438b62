"""What a figure of the canvas should be like, before its file is chosen."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, SpinBox
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QVBoxLayout, QWidget

from napari_medgen.imaging.figure import FORMATS, FigureOptions
from napari_medgen.running.naming import unused
from napari_medgen.viewer.widgets.manners import Manners

_KINDS = {
    "PNG (pixels, for slides)": ".png",
    "TIFF (pixels, for journals)": ".tiff",
    "SVG (to edit)": ".svg",
    "PDF (for LaTeX)": ".pdf",
}


class FigureDialog(QDialog):
    """Asks for kind, size and parts of a figure, then for its file; does not block the window.

    Signals
    -------
    chosen
        A path and :class:`FigureOptions`.
    """

    chosen = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Save figure")
        self.kind = ComboBox(label="Format", choices=list(_KINDS), tooltip="Words stay words in SVG and PDF")
        self.width_field = FloatSpinBox(
            label="Width (mm)", value=180.0, min=20.0, max=2000.0, step=5.0, tooltip="A page is 180 mm, a column 85 mm"
        )
        self.dpi = SpinBox(
            label="Dots an inch", value=300, min=50, max=1200, step=50, tooltip="Journals ask for 300 or more"
        )
        self.captions = CheckBox(text="Captions", value=True, tooltip="What each picture is, above it")
        self.scale_bar = CheckBox(text="Scale bar", value=True, tooltip="In mm, where the size is known")
        self.colour_bar = CheckBox(text="Colour bar", value=True, tooltip="What the colours count, with its unit")
        form = Container(
            widgets=[self.kind, self.width_field, self.dpi, self.captions, self.scale_bar, self.colour_bar], labels=True
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._ask_for_file)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(form.native)
        layout.addWidget(buttons)
        self._manners = Manners(self)

    @property
    def options(self) -> FigureOptions:
        """What was entered."""
        return FigureOptions(
            width=float(self.width_field.value),
            dpi=int(self.dpi.value),
            captions=bool(self.captions.value),
            scale_bar=bool(self.scale_bar.value),
            colour_bar=bool(self.colour_bar.value),
        )

    @property
    def ending(self) -> str:
        """Of the file's name."""
        return _KINDS[str(self.kind.value)]

    def choose(self, path: Path) -> None:
        """Take a file for the figure; its ending is the chosen format's unless it is another format's."""
        if path.suffix.lower() not in (*FORMATS, ".tif"):
            # Nobody was asked about a file of that name.
            path = path.with_name(unused(path.parent, path.name, (self.ending,)) + self.ending)
        self.chosen.emit(path, self.options)
        self.close()

    def _ask_for_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save figure", "", f"{self.kind.value} (*{self.ending})")
        if name:
            self.choose(Path(name))
