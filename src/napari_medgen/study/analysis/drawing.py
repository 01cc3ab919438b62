"""Figures of reader studies: told apart without colour, in grey, and by people who see no red or no green.

Conditions differ in colour, marker and line; the colours are those of Okabe and Ito, ordered by how dark they print.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.running.figures import as_written
from napari_medgen.statistics.bootstrap import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
COLOURS = ("#0b3c5d", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xx", "++")
_GREYS = ("#f2f2f2", "#c9d6df", "#8fb3cc", "#4d84ac", "#1f5f94", "#0b3c5d", "#06243a")
_FRONT = "#222222"
MOST_PANELS = 24  # of curves by reader
_MOST_ROWS = 40  # of a forest plot, of which each label can be read


def _plain(axes: Axes) -> Axes:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
    return axes


@as_written
def draw_roc(
    figure: Figure,
    curves: Sequence[tuple[str, str, Floats, Floats]],
    points: Sequence[tuple[str, str, float, float]],
) -> None:
    """Curves and operating points by reader, one panel a reader, one line a condition.

    Parameters
    ----------
    curves
        (reader, condition, false positive rates, true positive rates).
    points
        (reader, condition, false positive rate, true positive rate).
    """
    readers = list(dict.fromkeys([one[0] for one in curves] + [one[0] for one in points]))[:MOST_PANELS]
    conditions = list(dict.fromkeys([one[1] for one in curves] + [one[1] for one in points]))
    across = min(len(readers), 4)
    down = math.ceil(len(readers) / across)
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    handles: dict[str, Any] = {}
    for number, panel in enumerate(axes.ravel()):
        if number >= len(readers):
            panel.set_visible(False)
            continue
        _plain(panel)
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.7, linestyle=":")
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.set_title(readers[number], fontsize=9)
        for reader, condition, x, y in curves:
            if reader == readers[number]:
                which = conditions.index(condition)
                (line,) = panel.plot(x, y, color=COLOURS[which % 6], linestyle=LINES[which % 6], linewidth=1.3)
                handles.setdefault(condition, line)
        for reader, condition, x_, y_ in points:
            if reader == readers[number]:
                which = conditions.index(condition)
                dot = panel.plot(
                    x_, y_, MARKERS[which % 6], color=COLOURS[which % 6], markersize=6, markeredgecolor="white", zorder=3
                )[0]
                handles.setdefault(condition, dot)
    figure.supxlabel("1 - specificity (false positive rate)", fontsize=9)
    figure.supylabel("Sensitivity", fontsize=9)
    if len(conditions) > 1:
        figure.legend(handles.values(), handles.keys(), loc="upper center", ncols=4, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.95 if len(conditions) > 1 else 1))


@as_written
def draw_operating_points(figure: Figure, points: Sequence[tuple[str, str, float, float]]) -> None:
    """All readers in one panel: where each stands under each condition, and the mean (Han 2022, figure of readers)."""
    axes = _plain(figure.subplots())
    conditions = list(dict.fromkeys(one[1] for one in points))
    readers = list(dict.fromkeys(one[0] for one in points))
    at = {(reader, condition): (x, y) for reader, condition, x, y in points}
    for reader in readers:
        ends = [at[reader, one] for one in conditions if (reader, one) in at]
        for one, other in itertools.pairwise(ends):
            axes.annotate("", other, one, arrowprops={"arrowstyle": "->", "color": "#777777", "linewidth": 0.8})
    for which, condition in enumerate(conditions):
        own = np.array([place for (_, name), place in at.items() if name == condition])
        axes.plot(*own.T, MARKERS[which % 6], color=COLOURS[which % 6], markersize=6, label=condition or "readers")
        mean = own.mean(0)
        axes.plot(
            *mean,
            MARKERS[which % 6],
            color="white",
            markeredgecolor=COLOURS[which % 6],
            markeredgewidth=2,
            markersize=12,
            label=f"mean, {condition}" if condition else "mean",
        )
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.7, linestyle=":")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("1 - specificity (false positive rate)", fontsize=9)
    axes.set_ylabel("Sensitivity", fontsize=9)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    figure.tight_layout()


@as_written
def draw_forest(
    figure: Figure,
    rows: Sequence[tuple[str, Estimate]],
    summary: Sequence[tuple[str, Estimate]],
    label: str,
    zero: float = 0.0,
) -> None:
    """Estimates with intervals, one a row; summaries below as diamonds; a line where nothing would differ."""
    axes = _plain(figure.subplots())
    shown = [*list(rows)[:_MOST_ROWS], *summary]
    for place, (_, one) in enumerate(shown):
        y = -place
        if not math.isfinite(one.value):
            axes.text(zero, y, "not estimable", fontsize=8, va="center", color="#666666")
            continue
        low, high = (side if math.isfinite(side) else one.value for side in (one.low, one.high))
        is_mean = place >= len(shown) - len(summary)
        if is_mean:
            axes.fill([low, one.value, high, one.value], [y, y + 0.25, y, y - 0.25], color=COLOURS[0])
        else:
            axes.plot([low, high], [y, y], color=_FRONT, linewidth=1.2)
            axes.plot(one.value, y, "s", color=COLOURS[0], markersize=5)
    axes.axvline(zero, color="#777777", linewidth=0.8, linestyle="--")
    axes.set_yticks([-place for place in range(len(shown))], [name for name, _ in shown], fontsize=8)
    axes.set_ylim(-len(shown) + 0.3, 0.7)
    axes.set_xlabel(label, fontsize=9)
    axes.margins(x=0.08)
    figure.tight_layout()


@as_written
def draw_stacked(figure: Figure, bars: Sequence[tuple[str, Sequence[int]]], options: Sequence[str]) -> None:
    """Shares of the options, one bar a row: light for the first, dark for the last, the count in each part."""
    axes = _plain(figure.subplots())
    shades = [_GREYS[round(i * (len(_GREYS) - 1) / max(len(options) - 1, 1))] for i in range(len(options))]
    for place, (_, counts) in enumerate(bars):
        left, total = 0.0, max(sum(counts), 1)
        for index, count in enumerate(counts):
            share = 100 * count / total
            axes.barh(
                -place,
                share,
                left=left,
                height=0.72,
                color=shades[index],
                edgecolor=_FRONT,
                linewidth=0.5,
                label=options[index] if place == 0 else None,
            )
            if share >= 4:
                dark = index / max(len(options) - 1, 1) > 0.55
                axes.text(
                    left + share / 2,
                    -place,
                    str(count),
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if dark else _FRONT,
                )
            left += share
    axes.set_yticks([-place for place in range(len(bars))], [name for name, _ in bars], fontsize=8)
    axes.set(xlim=(0, 100), ylim=(-len(bars) + 0.4, 0.6))
    axes.set_xlabel("Share of answers (%)", fontsize=9)
    figure.legend(
        loc="lower center",
        ncols=1 if max(len(one) for one in options) > 30 else min(len(options), 4),
        frameon=False,
        fontsize=7.5,
    )
    rows = len(options) if max(len(one) for one in options) > 30 else math.ceil(len(options) / 4)
    figure.tight_layout(rect=(0, min(0.05 + 0.17 * rows / figure.get_figheight(), 0.5), 1, 1))


@as_written
def draw_heat(figure: Figure, values: Floats, readers: Sequence[str], cases: Sequence[str], words: Sequence[str]) -> None:
    """Answers of (readers, cases) in shades; a cross where there is none.

    Parameters
    ----------
    words
        What the values 0, 1, ... are called.
    """
    from matplotlib.colors import BoundaryNorm, ListedColormap

    axes = figure.subplots()
    count = len(words)
    shades = ListedColormap([_GREYS[round(i * (len(_GREYS) - 1) / max(count - 1, 1))] for i in range(count)])
    drawn = axes.imshow(
        np.ma.masked_invalid(values),
        aspect="auto",
        cmap=shades,
        norm=BoundaryNorm(np.arange(count + 1) - 0.5, count),
        interpolation="nearest",
    )
    holes = np.argwhere(~np.isfinite(values))
    if len(holes):
        axes.plot(holes[:, 1], holes[:, 0], "x", color=COLOURS[1], markersize=4 if len(cases) <= 60 else 1)
    axes.set_yticks(range(len(readers)), readers, fontsize=8)
    if len(cases) <= 30:
        axes.set_xticks(range(len(cases)), cases, fontsize=6.5, rotation=90)
    else:
        axes.tick_params(labelsize=8)
    axes.set_xlabel("Case" if len(cases) <= 30 else f"Case (1 to {len(cases)}, in the order of the study)", fontsize=9)
    bar = figure.colorbar(drawn, ax=axes, ticks=range(count), pad=0.02)
    bar.ax.set_yticklabels([_short(word) for word in words], fontsize=7)
    figure.tight_layout()


@as_written
def draw_times(figure: Figure, groups: Sequence[tuple[str, Floats]]) -> None:
    """Seconds of each group: every case a dot, the median and the middle half in front, on a scale of ratios."""
    axes = _plain(figure.subplots())
    rng = np.random.default_rng(0)
    for place, (_, seconds) in enumerate(groups):
        known = np.maximum(seconds[np.isfinite(seconds)], 0.1)
        if not len(known):
            continue
        axes.plot(known, -place + rng.uniform(-0.25, 0.25, len(known)), ".", color="#8fb3cc", markersize=4)
        low, middle, high = np.percentile(known, (25, 50, 75))
        axes.plot([low, high], [-place, -place], color=COLOURS[0], linewidth=3)
        axes.plot(middle, -place, "D", color="white", markeredgecolor=COLOURS[0], markersize=6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks([-place for place in range(len(groups))], [name for name, _ in groups], fontsize=8)
    axes.set_ylim(-len(groups) + 0.4, 0.6)
    axes.set_xlabel("Seconds a case (each step of the grid ten times as long)", fontsize=9)
    figure.tight_layout()


@as_written
def draw_survival(figure: Figure, curves: Sequence[tuple[str, Floats, Floats, Floats, Floats]]) -> None:
    """Share of cases that are still being read after so many seconds: (name, times, share, low, high)."""
    axes = _plain(figure.subplots())
    for which, (name, times, share, low, high) in enumerate(curves):
        x = np.r_[0.0, times]
        colour = COLOURS[which % 6]
        axes.step(x, np.r_[1.0, share], where="post", color=colour, linestyle=LINES[which % 6], label=name or "all")
        axes.fill_between(x, np.r_[1.0, low], np.r_[1.0, high], step="post", color=colour, alpha=0.15, linewidth=0)
    axes.set(ylim=(0, 1.02), xlim=(0, None))
    axes.set_xlabel("Seconds", fontsize=9)
    axes.set_ylabel("Still being read", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()


@as_written
def draw_calibration(figure: Figure, groups: Sequence[tuple[str, Sequence[tuple[int, int, int]]]], levels: int) -> None:
    """Share of right answers at each level of confidence: (name, (level, right, of))."""
    axes = _plain(figure.subplots())
    for which, (name, counts) in enumerate(groups):
        x = [level for level, _, _ in counts]
        y = [right / of for _, right, of in counts]
        axes.plot(x, y, color=COLOURS[which % 6], linestyle=LINES[which % 6], marker=MARKERS[which % 6], label=name or "all")
        for level, right, of in counts:
            if len(groups) == 1:
                axes.annotate(
                    f"{right}/{of}", (level, right / of), (0, 7), textcoords="offset points", fontsize=7, ha="center"
                )
    axes.axhline(0.5, color="#999999", linewidth=0.7, linestyle=":")
    axes.set(ylim=(-0.02, 1.08), xticks=range(1, levels + 1))
    axes.set_xlabel(f"Confidence (1 to {levels})", fontsize=9)
    axes.set_ylabel("Share right", fontsize=9)
    if len(groups) > 1:
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:22] + "..."
