"""Grades and risk over time, as a figure with axes and units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medgen.progression.prediction import Prediction
from napari_medgen.running.figures import as_written

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From mild to severe; told apart by people who see no red or no green, with a contrast of 4.5 to 1 or more on their ground.
GRADES_ON_LIGHT = ("#1f5f94", "#236b82", "#6b6424", "#a24a00", "#9c1526")
GRADES_ON_DARK = ("#5aa9e6", "#9bd0f5", "#c9c38a", "#f6a04d", "#ff8f8f")
RISK_ON_LIGHT, RISK_ON_DARK = "#5b2a86", "#b78be0"


@as_written
def draw_prediction(figure: Figure, prediction: Prediction, *, dark: bool = False) -> tuple[Axes, Axes]:
    """Draw probabilities of the grades above and the risk below, each with its band; dots are those of the real image.

    Parameters
    ----------
    figure
        Is cleared first.
    dark
        Light lines and letters, for a dark window.

    Returns
    -------
    above, below
        The axes of the grades and of the risk.
    """
    figure.clear()
    front = "#e6e6e6" if dark else "#222222"
    colours = GRADES_ON_DARK if dark else GRADES_ON_LIGHT
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    time = prediction.months
    each = np.quantile(prediction.each, (0.1, 0.9), axis=0)
    for grade, label in enumerate(prediction.labels):
        colour = colours[grade % len(colours)]
        above.fill_between(time, each[0, :, grade], each[1, :, grade], color=colour, alpha=0.18, linewidth=0)
        above.plot(time, prediction.probabilities[:, grade], color=colour, label=label, linewidth=1.8)
        # The real image's own, so that what the projection changed is not taken for a progression.
        above.plot([0], [prediction.baseline[grade]], "o", color=colour, markersize=5, clip_on=False, zorder=5)
    above.set_ylabel("probability")
    above.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(prediction.labels), fontsize=7, frameon=False,
        labelcolor=front, handlelength=1.0, columnspacing=0.9,
    )  # fmt: skip
    risk = prediction.risk
    colour = RISK_ON_DARK if dark else RISK_ON_LIGHT
    below.fill_between(time, risk.low, risk.high, color=colour, alpha=0.25, linewidth=0)
    below.plot(time, risk.value, color=colour, linewidth=1.8)
    below.set_ylabel("risk of two\ngrades or more")
    below.set_xlabel("months after the baseline")
    below.set_xlim(time[0], time[-1])
    if prediction.trusted_months < time[-1]:
        for axes in (above, below):
            axes.axvspan(prediction.trusted_months, time[-1], color=front, alpha=0.08, linewidth=0)
        below.text(time[-1], 0.97, "unlike the cohort ", ha="right", va="top", fontsize=7, color=front)
    for axes in (above, below):
        _style(axes, front)
        axes.set_ylim(0, 1)
    return above, below


def _style(axes: Axes, front: str) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=front, labelsize=7)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(front)
        label.set_fontsize(8)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(front)
