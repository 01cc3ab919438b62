"""Figures of the analyses, drawn without a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medgen.running.figures import as_written
from napari_medgen.running.writing import write_whole
from napari_medgen.saliency.analyses.layer_similarity import LayerSimilarity
from napari_medgen.saliency.analyses.loss_surface import LossSurface
from napari_medgen.saliency.analyses.randomisation import Survival
from napari_medgen.saliency.evaluation.robustness import RobustnessPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@as_written
def robustness_figure(curves: Mapping[str, Sequence[RobustnessPoint]]) -> Figure:
    """AUC (mean over classes) against epsilon, a line for each name; the band is the first class's 95 % interval."""
    figure = _figure(6, 4)
    axes = figure.add_subplot()
    for name, points in curves.items():
        x = [point.epsilon for point in points]
        (line,) = axes.plot(x, [point.mean_auc for point in points], marker="o", label=name)
        if all(len(point.auc) == 1 for point in points):
            only = [next(iter(point.auc.values())) for point in points]
            axes.fill_between(x, [e.low for e in only], [e.high for e in only], alpha=0.2, color=line.get_color())
    axes.set(xlabel="Radius of the attack, epsilon (image in 0 to 1)", ylabel="Area under the ROC curve", ylim=(0, 1.02))
    axes.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


@as_written
def similarity_figure(found: LayerSimilarity, first: str, second: str) -> Figure:
    """The layers' similarity as a picture."""
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    picture = axes.imshow(found.matrix, vmin=0, vmax=1, cmap="magma", origin="lower")
    axes.set(xlabel=f"Convolutions of {second}, from input to output", ylabel=f"Convolutions of {first}")
    figure.colorbar(picture, label="Debiased linear CKA")
    return figure


@as_written
def surface_figure(surfaces: Mapping[str, LossSurface]) -> Figure:
    """Loss surfaces side by side, with a common scale."""
    figure = _figure(4.2 * len(surfaces), 3.8)
    top = max(float(surface.loss.max()) for surface in surfaces.values())
    for place, (name, surface) in enumerate(surfaces.items(), 1):
        axes = figure.add_subplot(1, len(surfaces), place, projection="3d")
        across, along = np.meshgrid(surface.along_gradient, surface.along_random)
        axes.plot_surface(across, along, surface.loss, cmap="coolwarm", vmin=0, vmax=top)
        axes.set(xlabel="Along the gradient's sign", ylabel="Random direction", zlabel="Loss", zlim=(0, top), title=name)
    return figure


@as_written
def survival_figure(survival: Sequence[Survival]) -> Figure:
    """How much of a map is left while layers are shuffled."""
    figure = _figure(5, 4)
    axes = figure.add_subplot()
    places = range(1, len(survival) + 1)
    axes.plot([0, *places], [1, *(s.similarity for s in survival)], marker="o", label="Absolute map")
    axes.plot([0, *places], [1, *(s.signed for s in survival)], marker="s", label="Signed map")
    axes.set_xticks([0, *places], ["trained", *(s.layer for s in survival)], rotation=60, ha="right", fontsize=7)
    axes.set(ylabel="Rank correlation with the map\nof the trained network", ylim=(-0.3, 1.05))
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.legend()
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return write_whole(path, buffer.getvalue())
