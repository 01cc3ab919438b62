"""Write a page of the documentation for each model that ships, from its card; ``--pictures`` samples its picture anew."""

from __future__ import annotations

import sys
from pathlib import Path

from webp import convert

from napari_medgen.models.card import ModelCard
from napari_medgen.models.catalogue import STARTER
from napari_medgen.models.folder import open_folder

DOCS = Path(__file__).parents[1] / "docs" / "models"


def page(card: ModelCard) -> str:
    """The card as Markdown."""
    about = {"saliency": _classifier, "progression": _progression, "volumes": _volumes}[card.task](card)
    rows = [f"| {name} | {figure.text} | {figure.note} |" for name, figure in card.figures.items()]
    return "\n".join(
        [
            f"# {card.title}\n",
            f"`{card.name}`: {card.description}\n",
            *about,
            f"- Trained on: {card.data}. Licence of the data: {card.licence}",
            f"- Recipe: `napari-medgen models recipe {card.recipe['name']}`",
            f"- Checksum: `{card.checksum}`\n",
            f"**Intended use.** {card.intended_use}\n",
            f"**Limits.** {card.limits}\n",
            "| figure | value | measured on |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _volumes(card: ModelCard) -> list[str]:
    architecture = card.architecture
    shape = " x ".join(map(str, architecture["shape"]))
    spacing = " x ".join(f"{step:g}" for step in architecture["spacing"])
    denoiser, autoencoder = architecture["denoiser"], architecture["autoencoder"]
    factor = " x ".join(map(str, autoencoder["downsample"]))
    sheet = DOCS.parent / "images" / f"sheet-{card.name}.webp"
    beside = [
        f"![Sixteen samples and sixteen real volumes](../images/{sheet.name})\n",
        "Seeds 0 to 15 above, real ones below, held-out people first (`scripts/starter_sheets.py`).\n",
    ]
    return [
        f"![Samples]({card.name}.webp)\n",
        "Four samples (seeds 0 to 3, 20 steps of DPM-Solver++), none chosen; axial, coronal and sagittal slices.\n",
        *(beside if sheet.is_file() else []),
        f"- Volumes of {shape} voxels, {spacing} mm apart",
        f"- VQ-GAN with factor {factor} and {autoencoder['n_codes']:,} codes; denoiser `{denoiser['architecture']}`, "
        f"predicts the {architecture['prediction']}",
    ]


def _classifier(card: ModelCard) -> list[str]:
    architecture, optimiser = card.architecture, card.recipe["optimiser"]
    network, attack = architecture["network"], architecture["attack"]
    lines = [
        f"- Classes: {', '.join(architecture['labels'])}"
        + (" (exactly one holds)" if architecture["exclusive"] else " (each holds or not)"),
        f"- ResNet-{network['depth']} of {' '.join(map(str, network['widths']))} channels, "
        f"{network['domains']} batch norm(s), input of {' x '.join(map(str, architecture['view']['size']))} pixels",
        f"- {optimiser['epochs']} epochs in {optimiser['cycles']} cycle(s) of the learning rate",
    ]
    if attack:
        lines.append(f"- Trained against PGD, {attack['norm']}, epsilon {attack['epsilon']:g}, {attack['steps']} steps")
    return lines


def _progression(card: ModelCard) -> list[str]:
    architecture, optimiser = card.architecture, card.recipe["optimiser"]
    generator = architecture["generator"]
    return [
        "![Real knees, their projections and what is expected of them](../images/progression-grid.webp)\n",
        "Validation knees, the first two of each of the grades 0 to 3: real, projected, after 48 and 96 nominal months.\n",
        f"**{architecture['surrogate'].capitalize()}.**\n",
        f"- StyleGAN2 of {generator['resolution']} x {generator['resolution']} pixels, latents of {generator['w_dim']}; "
        f"encoder trained with it ({optimiser['encoder']}); cohort projected by the {architecture['cohort']}",
        f"- Graded by `{architecture['classifier']}`",
        f"- {optimiser['warmup_kimg']:g} thousand images of reproduction alone, then {optimiser['kimg']:g} thousand real "
        "images before the discriminator",
    ]


def picture(path: Path) -> None:
    """Four samples of a model, seeds 0 to 3."""
    from napari_medgen.running.devices import choose_device
    from napari_medgen.running.progress import drive
    from napari_medgen.volumes.model import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest
    from napari_medgen.volumes.training.pictures import save_grid

    generator = VolumeGenerator(open_folder(path), choose_device())
    low, high = generator.architecture.intensities
    volumes = [drive(generator.sample(SampleRequest(seed=seed))).volume for seed in range(4)]
    save_grid(DOCS / f"{path.name}.png", [(v.voxels - low) / (high - low) * 2 - 1 for v in volumes])
    convert(DOCS / f"{path.name}.png")


def main() -> None:
    """Write all pages and their index."""
    folders = [path for path in sorted(STARTER.iterdir()) if path.is_dir()]
    cards = [open_folder(path).card for path in folders]
    if "--pictures" in sys.argv:
        for path, card in zip(folders, cards, strict=True):
            if card.task == "volumes":
                picture(path)
    for card in cards:
        (DOCS / f"{card.name}.md").write_text(page(card), encoding="utf-8")
    links = "\n".join(f"- [{card.title}]({card.name}.md), `{card.name}`" for card in cards)
    about = "Pages made from the cards by `make docs`; none of these models is for diagnosis."
    text = f"# Models that ship inside\n\n{about}\n\n{links}\n"
    (DOCS / "index.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
