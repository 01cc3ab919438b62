"""Sample, explain and extrapolate with an installed package, in a folder that holds nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("napari-medgen")


def run(*words: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run([str(COMMAND), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def make_knee(path: Path) -> None:
    """A knee that the shipped generator makes of a shipped latent: no image travels in the package."""
    import numpy as np
    from PIL import Image

    from napari_medgen.cli.progression import open_extrapolator

    extrapolator = open_extrapolator("knee-progression", device="cpu")
    grey = extrapolator.image_of(0)
    Image.fromarray(np.rint(grey * 255).astype(np.uint8)).resize((224, 224)).save(path)


def main() -> None:
    """Do what a user does first."""
    import napari_medgen

    place = Path(napari_medgen.__file__).resolve()
    if "site-packages" not in place.parts:
        sys.exit(f"the package was imported from {place}, not from the wheel")
    run("sample", "--model", "hippocampus", "--steps", "4", "--out", "samples")
    make_knee(Path("knee.png"))
    run("explain", "knee.png", "--model", "knee-kl", "--side", "L", "--out", "maps", "--force")
    run("extrapolate", "knee.png", "--side", "L", "--out", "future", "--force")
    for pattern in ("samples/*.nii.gz", "maps/*.png", "maps/*.json", "future/*.html"):
        if not list(Path().glob(pattern)):
            sys.exit(f"{pattern} was not written")
    print("The wheel samples, explains and extrapolates.")


if __name__ == "__main__":
    main()
