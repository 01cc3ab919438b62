"""A report as one HTML page that needs no other file and no network; it prints, also in grey."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime

from napari_medgen.study.analysis.analysis import Analysis
from napari_medgen.study.analysis.parts import Section, Standing, Table
from napari_medgen.study.report.checklists import checklists
from napari_medgen.study.report.methods import methods
from napari_medgen.study.report.pictures import svg

STANDINGS: dict[Standing, str] = {
    "primary": "primary analysis",
    "planned": "planned analysis",
    "exploratory": "exploratory",
    "description": "",
}


def page(analysis: Analysis, now: datetime | None = None) -> str:
    """The page.

    Parameters
    ----------
    now
        Date and time that it carries.
    """
    at = (now or datetime.now(UTC)).astimezone(UTC)
    sections = "".join(_section(number, one) for number, one in enumerate(analysis.sections))
    items = "".join(
        f'<li><a href="#s{number}">{html.escape(one.title)}</a>{_badge(one)}</li>'
        for number, one in enumerate(analysis.sections)
    )
    lists = "".join(_table(one) for one in checklists(analysis))
    return _PAGE.format(
        title=html.escape(analysis.readings.title),
        when=f"{at:%d %B %Y, %H:%M} UTC",
        source=html.escape(analysis.readings.source),
        standing=html.escape(standing_of(analysis)),
        contents=items,
        sections=sections,
        methods="".join(f"<p>{html.escape(text)}</p>" for text in methods(analysis)),
        checklists=lists,
    )


def standing_of(analysis: Analysis) -> str:
    """What the plan is worth, in a sentence."""
    kept = analysis.kept
    if kept is not None and kept.before:
        return (
            f"Planned before the blind was opened: the plan was kept on {kept.at[:10]}; what it does "
            "not name is exploratory."
        )
    if kept is not None:
        return "The plan was not there when the blind was opened: everything here is exploratory."
    if analysis.planned:
        return "A plan was given with the table; what it does not name is exploratory."
    if not analysis.readings.facts:
        return "No plan was given: everything here is exploratory."
    return "No plan was kept before the blind was opened: everything here is exploratory."


def _section(number: int, one: Section) -> str:
    parts = [f'<section id="s{number}"><h2>{html.escape(one.title)}{_badge(one)}</h2>']
    parts += [f"<p>{html.escape(text)}</p>" for text in one.sentences]
    parts += [_table(table) for table in one.tables]
    parts += [
        f'<figure role="img" aria-label="{html.escape(picture.alt)}">{_own_ids(svg(picture), f"s{number}p{place}")}'
        f"<figcaption><b>{html.escape(picture.title)}.</b> {html.escape(picture.alt)}</figcaption></figure>"
        for place, picture in enumerate(one.pictures)
    ]
    if one.problems:
        parts.append(
            '<div class="problems"><b>What could not be estimated, or was left out</b><ul>'
            + "".join(f"<li>{html.escape(text)}</li>" for text in one.problems)
            + "</ul></div>"
        )
    return "".join(parts) + "</section>"


def _own_ids(drawing: str, name: str) -> str:
    """Names inside a figure made its own: two figures of one page must not share them."""
    for before, after in (('id="', f'id="{name}-'), ('href="#', f'href="#{name}-'), ("url(#", f"url(#{name}-")):
        drawing = drawing.replace(before, after)
    return drawing


def _badge(one: Section) -> str:
    text = STANDINGS[one.standing]
    return f' <span class="badge {one.standing}">{text}</span>' if text else ""


def _table(table: Table) -> str:
    columns, shown = table.shown
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    rows = "".join(_row(cells) for cells in shown)
    note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="wide"><table><caption>{html.escape(table.title)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff; max-width: 62em;
  margin: 0 auto; padding: 1.5em; }}
h1 {{ font-size: 1.7em; line-height: 1.2; margin-bottom: .2em; }}
h2 {{ font-size: 1.25em; border-bottom: 2px solid #0b3c5d; padding-bottom: .15em; margin-top: 2.2em; }}
.lead {{ color: #444; margin-top: 0; }}
nav ul {{ columns: 2; padding-left: 1.2em; }}
a {{ color: #0b3c5d; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1em 0 .3em; font-size: .88em; }}
caption {{ text-align: left; white-space: nowrap; font-weight: 600; padding-bottom: .3em; }}
th, td {{ text-align: left; vertical-align: top; padding: .25em .7em .25em 0; border-bottom: 1px solid #ccc; }}
th {{ border-bottom: 1.5px solid #555; }}
.note {{ font-size: .85em; color: #444; margin-top: 0; max-width: 55em; }}
figure {{ margin: 1.2em 0; break-inside: avoid; }}
figure svg {{ max-width: 100%; height: auto; }}
figcaption {{ font-size: .88em; color: #333; }}
.badge {{ font-size: .68rem; font-weight: 600; border: 1.5px solid #0b3c5d; border-radius: .3em; padding: .1em .45em;
  vertical-align: middle; white-space: nowrap; }}
.badge.primary {{ background: #0b3c5d; color: #fff; }}
.badge.exploratory {{ border-style: dashed; border-color: #8a4b00; color: #8a4b00; }}
.problems {{ border-left: 4px solid #8a4b00; background: #fdf6ec; padding: .5em 1em; margin: 1em 0; }}
.problems ul {{ margin: .3em 0; padding-left: 1.2em; }}
@media print {{ body {{ max-width: none; padding: 0; font-size: 10.5pt; }}
  nav {{ display: none; }} tr, .problems {{ break-inside: avoid; }}
  .badge.primary {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }} }}
</style></head><body>
<h1>{title}</h1>
<p class="lead">{when}. {source}.</p>
<p><b>{standing}</b></p>
<nav><ul>{contents}<li><a href="#methods">Methods</a></li><li><a href="#lists">Reporting guidelines</a></li></ul></nav>
{sections}
<section id="methods"><h2>Methods</h2>{methods}</section>
<section id="lists"><h2>Reporting guidelines</h2>
<p class="note">Items that concern a reader study, paraphrased, with what this study can say of each; the published lists
decide.</p>
{checklists}</section>
</body></html>
"""
