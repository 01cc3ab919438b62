"""Real, projected and predicted knees in one picture: ``progression_grid.py knee-radiographs OUT.png``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from napari_medgen.cli.progression import open_extrapolator
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.training.monitoring import save_frames
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.running.progress import drive


def main() -> None:
    """Columns are knees, two of each grade from 0 to 3; rows are real, projected, 48 and 96 months."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    extrapolator = open_extrapolator("knee-progression")
    columns = []
    for grade in "0123":
        for file in sorted((data / "val" / grade).glob("*.jpg"))[:2]:
            image = replace(read_radiograph(file), laterality=file.stem[-1])
            projected = drive(extrapolator.project(image, ProjectionRequest(space="W+")))
            prediction = drive(extrapolator.look_ahead(projected, ExtrapolationRequest((48.0, 96.0)), file.stem[:-1]))
            forecast = Forecast(extrapolator, projected, prediction)
            columns.append([projected.frame.restore(projected.seen), *(forecast.frame(i) for i in range(3))])
            grades = " ".join(f"{value:.1f}" for value in prediction.grade.value)
            print(f"{file.name}: KL {grade}, {projected.psnr:.1f} dB, mean grades {grades}, {' '.join(projected.doubts)}")
    save_frames(out, [list(row) for row in zip(*columns, strict=True)])


if __name__ == "__main__":
    main()
