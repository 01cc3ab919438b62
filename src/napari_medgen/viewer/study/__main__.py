"""``napari-medgen study read`` and ``status --window``, as a program of their own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_medgen.errors import MedGenError


def main() -> None:
    """Open the window of a study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reader", default="")
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--screenshots", type=Path, help="read it by keys, write pictures here, and end")
    options = parser.parse_args()
    from napari.qt import get_qapp

    from napari_medgen.study.study import Study
    from napari_medgen.viewer.study.dashboard import Dashboard
    from napari_medgen.viewer.study.tour import record
    from napari_medgen.viewer.study.window import StudyWindow

    application = get_qapp()
    application.setApplicationDisplayName("Reader study")
    try:
        study = Study.open(options.folder)
        if options.screenshots is not None:
            record(options.folder, options.reader or study.codes[0], options.screenshots)
            return
    except MedGenError as error:
        sys.exit(str(error))
    window = Dashboard(study) if options.status else StudyWindow(study, options.reader)
    if options.status:
        window.show()
    else:
        window.showMaximized()
    sys.exit(application.exec_() if hasattr(application, "exec_") else application.exec())


if __name__ == "__main__":
    main()
