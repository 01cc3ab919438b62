"""Pictures of **Overlay saliency** on public radiographs: ``saliency_pictures.py DATA OUT``, with a display;

webp.py makes what goes into the docs of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import napari

from napari_medgen.viewer.explain.coordinator import OverlaySaliency
from napari_medgen.viewer.plugin.demo import settle, wait_for
from napari_medgen.viewer.work.queue import shared_queue


def idle() -> None:
    """Wait for the background, and let the window paint."""
    settle(0.3)
    wait_for(lambda: not shared_queue().busy)
    settle(0.5)


def take(
    viewer: napari.Viewer, widget: OverlaySaliency, image: Path, model: str, button: str, out: Path, **form: object
) -> None:
    """Open an image, choose, press, and take the picture."""
    viewer.layers.clear()
    viewer.open(image, plugin="napari-medgen")
    view = widget.view
    fields = {"anyway": False, "domain": "clean", "side": "as in the file"} | form
    view._model.value = model
    idle()
    for name, value in fields.items():
        getattr(view, f"_{name}").value = value
    if viewer.dims.ndim == 3:
        viewer.dims.set_current_step(0, viewer.dims.nsteps[0] * 3 // 5)
    idle()
    (view._explain if button == "Explain" else view._buttons[button]).click()
    idle()
    viewer.screenshot(str(out), canvas_only=False, flash=False)
    print(f"{out}: {view.answer} {view.warning} {view.work.error}")


def main() -> None:
    """Take them all."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title="napari-medgen")
    viewer.window.resize(1500, 900)
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Overlay saliency")
    pneumonia = sorted((data / "chest-radiographs" / "val" / "pneumonia").iterdir())[39]
    knee = next(p for p in sorted((data / "knee-radiographs" / "val" / "3").iterdir()) if p.stem.endswith("L"))
    brain = sorted((data / "brain-t1-mri" / "t1").iterdir())[0]
    chest, compare, explain = "chest-pneumonia", "Compare models", "Explain"
    take(viewer, widget, pneumonia, chest, explain, out / "saliency-pneumonia.png", domain="adversarial")
    take(viewer, widget, pneumonia, chest, compare, out / "saliency-compare-pneumonia.png", domain="adversarial")
    take(viewer, widget, knee, "knee-kl", compare, out / "saliency-compare-knee.png", domain="adversarial", side="left")
    # These are of data that may not travel with this repository: look at them, do not add them.
    dicom = data / "dicom" / "RG1_J2KI.dcm"
    take(viewer, widget, dicom, chest, explain, out / "saliency-dicom.png", domain="adversarial", anyway=True)
    take(viewer, widget, brain, chest, explain, out / "saliency-brain.png", domain="adversarial", anyway=True)
    take(viewer, widget, brain, chest, explain, out / "saliency-brain-warning.png", domain="adversarial")
    widget.close()
    viewer.close()


if __name__ == "__main__":
    main()
