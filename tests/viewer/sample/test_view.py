from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from napari_medgen.models.catalogue import find_model
from napari_medgen.running.progress import Progress
from napari_medgen.viewer.sample.view import SampleRow, SampleView
from napari_medgen.viewer.widgets.card_dialog import CardDialog, card_html
from napari_medgen.viewer.work.queue import Wait


def view(qtbot: QtBot) -> SampleView:
    made = SampleView()
    qtbot.addWidget(made)
    made.set_models(["brain-t1", "other"])
    return made


def press(made: SampleView, text: str) -> None:
    next(button for button in made.findChildren(QPushButton) if button.text() == text).click()


def test_the_form_says_what_was_entered(qtbot: QtBot) -> None:
    made = view(qtbot)
    assert made.form.model == "brain-t1"
    assert (made.form.count, made.form.sampler, made.form.steps, made.form.seed) == (1, "dpm++", 20, 0)
    assert made.form.condition == {}
    card = find_model("brain-t1").card
    made.set_card(card, card.architecture["conditions"])
    assert made.form.condition == {}
    made._conditional.value = True
    assert made.form.condition == {"age": 54.0, "sex": "F"}
    assert made.form.guidance == 2.0


def test_every_button_says_that_it_was_pressed(qtbot: QtBot) -> None:
    made = view(qtbot)
    made.add_row(SampleRow("a", "b", "0.1", "no copy", "1.0"))
    for text, signal in {
        "Sample": made.sample_requested,
        "Blend with next seed": made.interpolate_requested,
        "About this model": made.card_requested,
        "Save volumes...": made.save_requested,
        "Save figure...": made.figure_requested,
    }.items():
        with qtbot.waitSignal(signal, timeout=1000):
            press(made, text)
    made.work.begin("a", Wait(), 0)
    with qtbot.waitSignal(made.work.cancel_requested, timeout=1000):
        press(made, "Cancel")
    seed = made.form.seed
    with qtbot.waitSignal(made.form_changed, timeout=1000):
        press(made, "New seed")
    assert made.form.seed != seed


def test_no_model_no_sample(qtbot: QtBot) -> None:
    made = SampleView()
    qtbot.addWidget(made)
    made.set_models([])
    assert not made._sample.isEnabled()


def test_the_published_sampler_has_no_steps_to_choose(qtbot: QtBot) -> None:
    made = view(qtbot)
    made._sampler.value = "Ancestral (published, slow)"
    assert not made._steps.enabled
    assert made.form.sampler == "ancestral"
    made._sampler.value = "DDIM"
    assert made._steps.enabled


def test_the_table_chooses_and_loses_rows(qtbot: QtBot) -> None:
    made = view(qtbot)
    made.add_row(SampleRow("a", "IXI1", "0.1", "near copy", "1.0", note="why", warn=True))
    made.add_row(SampleRow("b", "IXI2", "0.2", "no copy", "1.0"))
    assert made.chosen_rows == [0, 1]
    with qtbot.waitSignal(made.row_selected) as caught:
        made._table.selectRow(1)
    assert caught.args == [1]
    assert made.chosen_rows == [1]
    assert made._table.item(0, 1).toolTip() == "why"
    made.remove_row(1)
    made.remove_row(0)
    assert not made._save.isEnabled()


def test_the_panel_says_how_long_it_will_take_and_what_waits(qtbot: QtBot) -> None:
    panel = view(qtbot).work
    panel.begin("brain seed 1", Wait(2, 70.0), 2)
    assert panel.status == "brain seed 1. Waits for 2 jobs before it, about 70 s. 2 more waiting"
    panel.begin("brain seed 1", Wait(1), 0)
    assert panel.status == "brain seed 1. Waits for 1 job before it"
    panel.show_progress("brain seed 1", Progress(5, 10, "Step 5 of 10"), 10.0, 2)
    assert panel.status == "brain seed 1. Step 5 of 10, 10 s left. 2 more waiting"
    panel.rest()
    assert panel.status == "Ready"


def test_the_card_can_be_read(qtbot: QtBot) -> None:
    card = find_model("brain-t1").card
    html = card_html(card)
    for text in (card.title, "Training data", "Limits", "Not for diagnosis", "64 x 80 x 64", card.checksum):
        assert text in html
    dialog = CardDialog(card)
    qtbot.addWidget(dialog)
    assert card.title in dialog.windowTitle()


def test_a_cluster_and_a_gpu_are_offered_where_there_is_one(qtbot: QtBot) -> None:
    made = view(qtbot)
    assert list(made._device.choices) == ["Fastest available", "CPU"]
    made.set_places({"NVIDIA GPU": "cuda"}, "tcp://node:8786")
    made._device.value = "NVIDIA GPU"
    assert (made.form.device, made.form.cluster) == ("cuda", "")
    made._device.value = "Cluster node:8786"
    assert (made.form.device, made.form.cluster) == ("", "tcp://node:8786")
    made._count.value = 10_000  # of which a window makes a hundred at most
    assert made._sample.text() == "Sample on the cluster..."
    assert not made._interpolate.isEnabled()
    made.set_places({"NVIDIA GPU": "cuda"}, "tcp://node:8786")
    assert made.form.cluster
    made.set_places({}, "")
    assert not made.form.cluster
    assert made.form.count <= 100
    assert made._sample.text() == "Sample"
