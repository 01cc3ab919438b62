"""The radiographs of File > Open Sample: none of them is of a person.

    python scripts/sample_radiographs.py [--chest WORK --data chest-radiographs]

Knees come from the shipped generator; chests from one that ``scripts/chest-samples.toml`` trains and that is not shipped
(WORK is the folder of its training). Of the seeds, those are taken whose image the shipped models understand: a tutorial
should not begin with a warning. Each is enlarged to 512 pixels, and says in its file that it is synthetic, by which model
and with which seed.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Laterality, Radiograph
from napari_medgen.imaging.raster import write_png
from napari_medgen.models.catalogue import find_model
from napari_medgen.progression.frames import frame_of
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.running.progress import drive
from napari_medgen.running.training.workspace import load_checkpoint
from napari_medgen.saliency.frame_grader import FrameGrader
from napari_medgen.saliency.model import Classifier

OUT = Path(__file__).parents[1] / "src" / "napari_medgen" / "samples"
SIZE, TRUNCATION = 512, 0.7
_BLENDED = 3  # training images whose latents a chest is the mean of


def drawn(generator: Generator, seed: int) -> NDArray[np.float32]:
    """(R, R) in [0, 1]: one image of the generator, drawn towards its mean."""
    torch.manual_seed(seed)
    with torch.no_grad():
        image = generator(torch.randn(1, generator.sizes.z_dim), TRUNCATION)
    pixels: NDArray[np.float32] = ((image[0, 0] + 1) / 2).clamp(0, 1).numpy()
    return pixels


def radiograph(pixels: NDArray[np.float32], made: Provenance, side: Laterality, name: str) -> Radiograph:
    """An image of 512 rows, 8 bits."""
    rows, columns = pixels.shape
    large = Image.fromarray(pixels * 255).resize((SIZE * columns // rows, SIZE), Image.Resampling.BICUBIC)
    grey = np.rint(np.clip(np.asarray(large), 0, 255)).astype(np.uint8)
    return Radiograph(grey, (0.0, 255.0), laterality=side, name=name, provenance=made, identity="removed")


def provenance(model: str, checksum: str, seed: int, what: str) -> Provenance:
    """Of a sample."""
    return Provenance(synthetic=True, operation=f"sample; {what}", model=model, model_checksum=checksum, seed=seed)


def write(image: Radiograph, name: str) -> None:
    """Write one of them."""
    print(write_png(image, OUT / f"{name}.png"))


def knees() -> None:
    """A right and a left knee, both in one picture, and one of which little can be seen."""
    folder = find_model("knee-progression")
    model = Extrapolator(folder, FrameGrader(Classifier(find_model("knee-kl"))))
    found: list[tuple[int, NDArray[np.float32], float]] = []
    for seed in range(200):
        pixels = drawn(model.generator, seed)  # the side that the networks see is the left one
        image = radiograph(pixels, provenance("knee-progression", folder.card.checksum, seed, "knee"), "L", f"seed {seed}")
        if model.grader.doubts(image):
            continue
        projected = drive(model.project(image, ProjectionRequest("encoder")))
        grade = float(projected.probabilities @ np.arange(5))
        if not projected.doubts:
            found.append((seed, pixels, grade))
        if len(found) >= 12:
            break
    found.sort(key=lambda one: one[2])
    print("grades", [(seed, round(grade, 2)) for seed, _, grade in found])
    (seed_l, left, _), (seed_r, right, _) = found[len(found) // 2], found[-2]

    def about(seed: int, what: str) -> Provenance:
        return provenance("knee-progression", folder.card.checksum, seed, what)

    write(radiograph(left, about(seed_l, "a left knee"), "L", "left knee"), "knee-left")
    write(radiograph(right[:, ::-1], about(seed_r, "a right knee"), "R", "right knee"), "knee-right")
    # As a picture hangs: the patient's right knee on the left.
    both = np.concatenate([right[:, ::-1], left], 1)
    write(radiograph(both, about(seed_l, "both knees"), "", "both knees"), "knee-both")
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(scale=0.05, size=left.shape)
    poor = 0.05 + 0.45 * gaussian_filter(left, 3.5) + noise
    write(radiograph(poor.astype(np.float32).clip(0, 1), about(seed_l, "a poor image"), "L", "poor"), "knee-poor")
    example(left, "knee-progression", "knee-kl", "knee-kl-standard", "knee-kl-adversarial")


def example(pixels: NDArray[np.float32], *models: str) -> None:
    """Show, beside a model, what it expects to be given."""
    grey = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
    for name in models:
        grey.save(find_model(name).path / "example.png", optimize=True)


def chests(work: Path, data: Path) -> None:
    """A chest that the classifier finds normal, and one that it finds to have a pneumonia.

    Each is made of the mean of the latents of some training images of its kind: a picture of nobody.
    """
    recipe = ProgressionRecipe.model_validate(tomllib.loads(Path(__file__).with_name("chest-samples.toml").read_text()))
    content = load_checkpoint(work / "networks.pt", torch.device("cpu"))
    if content is None:
        raise SystemExit(f"{work} holds no checkpoint.")
    generator, encoder = Generator(recipe.generator), Encoder(recipe.generator, recipe.encoder)
    generator.load_state_dict(content["mean_generator"])
    encoder.load_state_dict(content["mean_encoder"])
    classifier, chosen = Classifier(find_model("chest-pneumonia")), {}
    for kind in ("normal", "pneumonia"):
        files = sorted((data / "train" / kind).iterdir())
        best = (-1.0, 0, np.zeros((1, 1), np.float32))
        for seed in range(60):
            few = np.random.default_rng(seed).choice(len(files), _BLENDED, replace=False)
            frames = [frame_of(read_radiograph(files[place]), recipe.architecture)[1] for place in few]
            with torch.no_grad():
                w = torch.cat([encoder(frame) for frame in frames]).mean(0, keepdim=True)
                made = generator.synthesis(generator.spread(w))
            pixels = ((made[0, 0] + 1) / 2).clamp(0, 1).numpy()
            look = classifier.look(radiograph(pixels, Provenance(synthetic=True), "", "chest"))
            p = look.answer().probabilities["pneumonia"]
            score = (p if kind == "pneumonia" else 1 - p) + float(np.std(np.diff(pixels, axis=0)))
            if not look.doubts and score > best[0]:
                best = (score, seed, pixels)
        score, seed, chosen[kind] = best
        made_by = provenance("chest-samples", "", seed, f"a chest that chest-pneumonia finds {kind}")
        write(radiograph(chosen[kind], made_by, "", f"chest, {kind}"), f"chest-{kind}")
        print(kind, seed, round(score, 3))
    example(chosen["normal"], "chest-pneumonia", "chest-pneumonia-standard", "chest-pneumonia-adversarial")


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chest", type=Path, help="work folder of scripts/chest-samples.toml; without it knees only")
    parser.add_argument("--data", type=Path, help="its training images")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    knees()
    if options.chest is not None:
        chests(options.chest, options.data)


if __name__ == "__main__":
    main()
