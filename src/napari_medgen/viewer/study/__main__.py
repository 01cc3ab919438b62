"""``napari-medgen study read`` and ``status --window``, as a program of their own."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from types import TracebackType

from napari_medgen.errors import MedGenError
from napari_medgen.study.study import Study


def main() -> None:
    """Open the window of a study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reader", default="")
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--results", action="store_true")
    parser.add_argument("--screenshots", type=Path, help="read it by keys, write pictures here, and end")
    options = parser.parse_args()
    try:
        study = Study.open(options.folder)
        show(study, options.reader, status=options.status, results=options.results, screenshots=options.screenshots)
    except MedGenError as error:
        sys.exit(str(error))


def show(study: Study, reader: str, *, status: bool, results: bool = False, screenshots: Path | None) -> None:
    """Show the window until it is closed."""
    from napari.qt import get_qapp

    from napari_medgen.viewer.study.dashboard import Dashboard
    from napari_medgen.viewer.study.results import Results
    from napari_medgen.viewer.study.tour import record
    from napari_medgen.viewer.study.window import StudyWindow

    application = get_qapp()
    application.setApplicationDisplayName("Reader study")
    if screenshots is not None:
        record(study.folder, reader or study.codes[0], screenshots)
        return
    sys.excepthook = _said  # PyQt ends the program over an exception that nobody has caught
    # Held, or Python would take it away.
    window = Results(study, reader) if results else Dashboard(study) if status else StudyWindow(study, reader)
    if status or results:
        window.show()
    else:
        window.showMaximized()
    sys.exit(application.exec())


def _said(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what nobody expected, and go on: every answer that was shown as given is on the disk."""
    traceback.print_exception(kind, error, trace)
    from qtpy.QtWidgets import QApplication

    from napari_medgen.viewer.study.window import StudyWindow

    for window in QApplication.topLevelWidgets():
        if isinstance(window, StudyWindow):
            window.panel.say_fault(
                f"Something went wrong that nobody expected ({kind.__name__}). Every answer is kept; open the window anew."
            )


if __name__ == "__main__":
    main()
