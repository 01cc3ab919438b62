"""``napari-medgen``: what the widgets do, without a window."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper

import typer
from rich.console import Console

from napari_medgen import __version__
from napari_medgen.cli import analyses, classifiers, dicom, models, progression, study, training, volumes
from napari_medgen.errors import MedGenError
from napari_medgen.running.console import report

_INTERRUPTED = 130  # the exit status after Ctrl-C

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Generative models for radiology. Not for diagnosis.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Measure a model on real data.")

app.command()(volumes.sample)
app.command()(volumes.reconstruct)
app.command()(classifiers.explain)
app.command()(progression.extrapolate)
app.command()(training.train)
app.command()(training.prepare)
evaluate_app.command("volumes")(volumes.evaluate_volumes)
evaluate_app.command("classifier")(classifiers.evaluate_classifier)
evaluate_app.command("variants")(classifiers.evaluate_variants)
evaluate_app.command("progression")(progression.evaluate_progression)
app.add_typer(progression.app, name="cohort")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(analyses.app, name="analyse")
app.add_typer(dicom.app, name="dicom")
app.add_typer(models.app, name="models")
app.add_typer(study.app, name="study")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command line.

    An expected error is one sentence and exit status 1, a wrong call 2, Ctrl-C 130. What nobody expected is a sentence too;
    ``--debug``, anywhere in the call, shows where it came from.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # names of files from old discs are no texts
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        with _reported():
            app(args=arguments)
    except MedGenError as error:
        if debug:
            raise
        _say(str(error))
    except BrokenPipeError:
        # Whoever read the output has gone, as "| head" does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _say(_sentence(error))


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Where this is the process of a job: how it ends, for whoever looks later."""
    try:
        yield
    except SystemExit as ended:  # typer says so, also where all is well
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        told = "" if code in (0, _INTERRUPTED) else "The command was given wrongly; its log says how."
        report.end("finished" if not code else "cancelled" if code == _INTERRUPTED else "failed", told)
        raise
    except MedGenError as error:
        report.end("failed", str(error))
        raise
    except Exception as error:
        report.end("failed", _sentence(error))
        raise
    report.end("finished")


def _say(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True).print(sentence, style="red", highlight=False, markup=False)
    sys.exit(1)


def _sentence(error: Exception) -> str:
    """What is said of an error that no other code has put into words."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror or error}."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    return f"Something went wrong that nobody expected ({type(error).__name__}); add --debug to see where, and report it."
