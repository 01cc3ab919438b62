"""A new protocol from a template."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Literal, get_args

import yaml

from napari_medgen.errors import StudyError

TemplateName = Literal["turing", "volume-quality", "progression", "saliency"]
TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)
TITLES = {
    "turing": "Real or synthetic?",
    "volume-quality": "Quality of synthetic volumes",
    "progression": "Fast progression, with and without a predicted follow-up",
    "saliency": "How well saliency maps show what matters",
}


def protocol_text(
    template: str, study: str, readers: Sequence[str], seed: int, title: str = "", arms: Sequence[str] = ("a", "b", "c")
) -> str:
    """The text of a protocol that has no cases yet.

    Parameters
    ----------
    template
        One of ``TEMPLATES``.
    study, title
        Its name, and what people call it (the template's own where empty).
    readers, seed
        Codes of the readers, and what all orders are drawn from.
    arms
        Names of what is compared, where the template compares something; they must not tell what they are.

    Raises
    ------
    StudyError
        If there is no such template.
    """
    if template not in TEMPLATES:
        raise StudyError(f"There is no template {template}; there are: {', '.join(TEMPLATES)}.")
    text = files("napari_medgen.study.templates").joinpath(f"{template}.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(
        study=_quoted(study),
        title=_quoted(title or TITLES[template]),
        seed=seed,
        readers="\n".join(f"  - code: {code}" for code in readers),
        arms=", ".join(arms),
    )


def _quoted(text: str) -> str:
    """A text as YAML reads it: no is a word, and 2024 is one too."""
    return yaml.safe_dump(text, width=10_000, allow_unicode=True).splitlines()[0]
