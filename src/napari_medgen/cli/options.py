"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[str, typer.Option(help="Name of a model, or its folder.")]
ModelArgument = Annotated[str, typer.Argument(help="Name of a model, or its folder.")]
Data = Annotated[Path, typer.Option(help="Folder laid out as the model's recipe says.")]
MethodName = Annotated[
    Literal["gradient", "smoothgrad", "integrated", "gradcam", "occlusion"], typer.Option(help="How the map is made.")
]
SamplerName = Annotated[Literal["dpm++", "ddim", "ancestral"], typer.Option(help="Way through the noise.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda (cuda:1 is the second) or mps.")]
ClusterName = Annotated[
    str,
    typer.Option(
        "--cluster",
        help="local:N for N processes of this machine, tcp://HOST:8786 for a scheduler of dask, or slurm:N jobs.",
    ),
]
Work = Annotated[
    Path | None, typer.Option(help="Folder in which numbers are kept, so that the same command goes on after a stop.")
]
Threads = Annotated[int, typer.Option(min=0, help="That a piece is computed with; 0 for what fits.")]
Precision = Annotated[
    Literal["", "float32", "bfloat16"], typer.Option(help="What to compute in; by default what the model's card asks for.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WriteCard = Annotated[bool, typer.Option(help="Put the figures on the model's card.")]
Table = Annotated[str, typer.Option(help="CSV of labels in the data folder; by default what the model's recipe knows.")]
Redraws = Annotated[int, typer.Option(min=100, help="Of the bootstrap.")]
