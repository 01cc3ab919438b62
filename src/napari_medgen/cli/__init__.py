"""``napari-medgen``: what the widgets do, without a window."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from napari_medgen import __version__
from napari_medgen.cli import analyses, classifiers, models, progression, training, volumes
from napari_medgen.errors import MedGenError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Generative models for radiology. Not for diagnosis.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Measure a model on real data.")

app.command()(volumes.sample)
app.command()(volumes.reconstruct)
app.command()(classifiers.explain)
app.command()(progression.extrapolate)
app.command()(training.train)
evaluate_app.command("volumes")(volumes.evaluate_volumes)
evaluate_app.command("classifier")(classifiers.evaluate_classifier)
evaluate_app.command("variants")(classifiers.evaluate_variants)
evaluate_app.command("progression")(progression.evaluate_progression)
app.add_typer(progression.app, name="cohort")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(analyses.app, name="analyse")
app.add_typer(models.app, name="models")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1, and Ctrl-C is 130."""
    try:
        app()
    except MedGenError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", highlight=False, markup=False)
        sys.exit(1)
