"""No word of a file is a formula in a figure."""

from __future__ import annotations

import threading
from io import BytesIO

import pytest

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure
from matplotlib.text import Text

from napari_medgen.running.figures import as_written

ODD = r"A$\frac{$ B$^_"


@as_written
def draw() -> Figure:
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label=ODD)
    axes.set(title=ODD, xlabel=ODD)
    axes.set_xticks([0, 1], [ODD, ODD])
    axes.legend()
    return figure


def test_dollar_signs_are_dollar_signs_even_when_it_is_painted_later() -> None:
    figure = draw()
    for kind in ("png", "svg", "pdf"):
        figure.savefig(BytesIO(), format=kind)
    assert not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text() == ODD)


def test_the_figures_of_classifiers_and_of_knees_show_names_as_they_are() -> None:
    from napari_medgen.progression.plots import draw_prediction
    from napari_medgen.saliency.analyses import plots

    for function in (draw_prediction, plots.robustness_figure, plots.similarity_figure, plots.surface_figure):
        assert hasattr(function, "__wrapped__")


def test_two_threads_that_draw_leave_the_settings_as_they_were() -> None:
    import matplotlib

    before, seen = matplotlib.rcParams["text.parse_math"], []
    first_is_in, second_was_asked = threading.Event(), threading.Event()

    @as_written
    def slow() -> None:
        first_is_in.set()
        second_was_asked.wait(0.3)
        seen.append(matplotlib.rcParams["text.parse_math"])

    @as_written
    def quick() -> None:
        seen.append(matplotlib.rcParams["text.parse_math"])

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    threads[0].start()
    assert first_is_in.wait(20)
    threads[1].start()
    for thread in threads:
        thread.join(20)
    assert seen == [False, False]
    assert matplotlib.rcParams["text.parse_math"] == before
