"""Makes a Turing study on the shipped brain, reads it as two scripted readers, analyses it, and pictures the report.

QT_SCALE_FACTOR=1 xvfb-run -a -s "-screen 0 1366x768x24" python scripts/report_pictures.py docs/images --data HEADS

HEADS is a folder of real head scans (docs/data.md). Pages are drawn by Chromium, which must be installed. Also drawn: the
published tables of Khader 2023 and Han 2022, by the report's own code (docs/studies/published.md).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Picture
from napari_medgen.study.questions import YesNo
from napari_medgen.study.report.pictures import png
from napari_medgen.study.study import Study

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).with_name("napari-medgen"))
PLAN = """primary: {question: real, analysis: turing}
secondary:
  - {question: real, analysis: agreement}
  - {question: real, analysis: times}
margin: 0.1
remarks: Twenty cases and two readers, to show what a report looks like; no sample size was computed.
"""
SKILL = {"R1": 0.9, "R2": 0.7}  # how often each scripted reader is right


def medgen(*arguments: object) -> None:
    """One command."""
    print("$ napari-medgen", *arguments)
    subprocess.run([COMMAND, *map(str, arguments)], check=True)


def read(study: Study, code: str) -> None:
    """Read a study to its end; the scripted reader knows the key and errs as often as they are told to."""
    rng, key, session = random.Random(code), study.key(), study.session(code)
    assert key is not None
    while session.trial is not None:
        session.open()
        case = session.trial.case
        while session.missing:
            asked = session.missing[0]
            value: Any = rng.choice(getattr(asked, "options", ("",)))
            if isinstance(asked, YesNo):
                truth = bool(key.truth(case, asked.id))
                right = rng.random() < SKILL[code]
                value = {
                    "yes": truth if right else not truth,
                    "confidence": rng.randint(3, 5) if right else rng.randint(1, 3),
                }
            session.answer(asked.id, value)
        session.forward()
    session.close()


def pages(report: Path, out: Path, work: Path) -> None:
    """The first two screens of the report as one picture each."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("The pictures of the page need Chromium.")
    shot = work / "page.png"
    what = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1060,5200",
        f"--screenshot={shot}",
    ]
    subprocess.run([browser, *what, report.resolve().as_uri()], check=True, capture_output=True)
    with Image.open(shot) as page:
        for number, (top, bottom) in enumerate(((0, 1300), (1300, 2700)), 1):
            page.convert("RGB").crop((0, top, 1060, bottom)).save(out / f"report-{number}.webp", quality=80, method=6)


def window(study: Path, out: Path) -> None:
    """The window of results at its second section."""
    from napari.qt import get_qapp
    from qtpy.QtCore import QBuffer, QIODevice

    from napari_medgen.viewer.study.results import Results
    from napari_medgen.viewer.study.tour import settle, until

    get_qapp()
    shown = Results(Study.open(study))
    shown.show()
    until(lambda: shown.sections.count() > 0)
    shown.sections.setCurrentRow(1)
    settle(0.5)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    shown.grab().save(buffer, "PNG")
    Image.open(BytesIO(bytes(buffer.data()))).convert("RGB").save(out / "study-results.webp", quality=80, method=6)
    shown.close()
    settle(0.2)


def published(out: Path) -> None:
    """Khader's percentages from counts, Han's readers with their means."""
    papers = json.loads((ROOT / "tests" / "statistics" / "data" / "papers.json").read_text())
    import yaml

    from napari_medgen.study.templating import protocol_text

    protocol = yaml.safe_load(protocol_text("volume-quality", "khader", ["A", "B"], 1))
    drawn = []
    for question in protocol["questions"]:
        counts = papers["khader2023"]["counts_reader_A_then_B"]
        bars = [
            (f"{data}, {reader}", counts[data][question["id"]][place])
            for data in counts
            for place, reader in enumerate("AB")
        ]
        options = [str(one) for one in question["options"]]

        def draw(figure: Any, bars: Any = bars, options: Any = options, text: str = question["text"]) -> None:
            drawing.draw_stacked(figure, bars, options)
            figure.axes[0].set_title(text, fontsize=10, loc="left")

        drawn.append(Image.open(BytesIO(png(Picture(question["text"], "", draw, (7.0, 4.0)), 110))).convert("RGB"))
    whole = Image.new("RGB", (drawn[0].width, sum(one.height for one in drawn)), "white")
    top = 0
    for one in drawn:
        whole.paste(one, (0, top))
        top += one.height
    whole.save(out / "published-khader.webp", quality=80, method=6)
    han = papers["han2022"]
    points = [
        (f"reader {n + 1}", name, x, y)
        for name, key in (("radiograph alone", "points_FPR_TPR_without"), ("with synthetic follow-up", "points_with"))
        for n, (x, y) in enumerate(han[key])
    ]
    picture = Picture("", "", lambda figure: drawing.draw_operating_points(figure, points), (4.8, 4.6))
    Image.open(BytesIO(png(picture, 110))).convert("RGB").save(out / "published-han.webp", quality=80, method=6)


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "turing-study"
        what = (
            "--template",
            "turing",
            "--model",
            "brain-t1",
            "--data",
            options.data,
            "--count",
            20,
            "--readers",
            2,
            "--seed",
            4,
        )
        medgen("study", "new", *what, "--out", folder)
        (work / "plan.yaml").write_text(PLAN)
        medgen("study", "analyse", folder, "--plan", work / "plan.yaml")
        for code in SKILL:
            read(Study.open(folder), code)
        medgen("study", "unblind", folder)
        medgen("study", "analyse", folder)
        pages(folder / "report" / "report.html", options.out, work)
        window(folder, options.out)
    published(options.out)


if __name__ == "__main__":
    main()
