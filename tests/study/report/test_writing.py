"""A report as files: one page that needs nothing else, a PDF, numbers, tables that other programs read."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.study.analysis.plan import Plan, Planned
from napari_medgen.study.report.page import page
from napari_medgen.study.report.writing import write_report
from readings_support import analysed, maps, paired, read, yes_no
from study_support import run

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    plan = Plan(primary=Planned(question="answer", analysis="readers-and-cases"), remarks="Sixty knees for a power of 80 %.")
    run(write_report(analysed(paired(), plan), out, NOW))
    return out


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "xlink:href"):
                self.links.append(str(value))


def test_the_page_needs_no_other_file_and_no_network(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    seen = Seen()
    seen.feed(text)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in seen.links)
    assert len(seen.ids) == len(set(seen.ids))
    assert {link[1:] for link in seen.links if link.startswith("#")} <= set(seen.ids)
    assert "script" not in seen.tags
    assert "Content-Security-Policy" in text
    assert text.count("<svg") == text.count("<figure") >= 4


def test_the_page_says_what_was_planned_and_how_it_was_done(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert 'class="badge primary">primary analysis' in text
    for said in (
        "Obuchowski and Rockette",
        "Sixty knees for a power",
        "scipy",
        "7 readers read 60 cases of 40 patients",
        "GRRAS 2011",
    ):
        assert said in text, said
    assert "not recorded" in text


def test_names_are_no_html_and_no_formula(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = [row | {"condition": evil, "reader": row["reader"].replace("R1", "$x_{1}$")} for row in yes_no()]
    text = page(analysed(read(tmp_path / "t.csv", rows)), NOW)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_pdf_is_one(folder: Path) -> None:
    content = (folder / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", content)) >= 5


def test_numbers_have_all_their_digits(folder: Path) -> None:
    found = json.loads((folder / "results.json").read_text())
    section = next(one for one in found["sections"] if one["analysis"] == "readers-and-cases")
    assert section["standing"] == "primary"
    table = next(one for one in section["tables"] if "differences" in one["title"])
    gap = next(row[2] for row in table["rows"] if row[1] == "aided less alone")
    assert gap["value"] == pytest.approx(0.10739087301587302, abs=1e-12)


def test_the_tidy_table_has_a_dictionary_of_every_column(folder: Path) -> None:
    with (folder / "readings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "dictionary.csv").open(newline="") as file:
        known = {row["column"] for row in csv.DictReader(file)}
    assert len(rows) == 840
    assert set(rows[0]) == known


def test_imrmc_reads_its_file_by_its_rules(folder: Path) -> None:
    lines = (folder / "answer.imrmc").read_text().splitlines()
    begin = lines.index("BEGIN DATA:")
    assert {"N0: 48", "N1: 12", "NR: 7", "NM: 2"} <= set(lines[:begin])
    data = [line.split(",") for line in lines[begin + 1 :]]
    assert all(len(row) == 4 for row in data)
    assert sum(row[0] == "truth" and row[2] == "truth" for row in data) == 60
    assert len(data) == 60 + 840


def test_mrmcaov_reads_a_long_table(folder: Path) -> None:
    with (folder / "answer-mrmcaov.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["reader", "treatment", "case", "truth", "rating"]
    assert len(rows) == 840


def test_the_folder_in_the_manner_of_bids_describes_itself(folder: Path) -> None:
    described = json.loads((folder / "bids" / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "GeneratedBy"} <= set(described)
    people = (folder / "bids" / "participants.tsv").read_text().splitlines()
    assert people[0] == "participant_id\texperience_years"
    assert len(people) == 8
    assert (folder / "bids" / "phenotype" / "readings.json").is_file()


def test_the_same_readings_give_the_same_page(folder: Path) -> None:
    plan = Plan(primary=Planned(question="answer", analysis="readers-and-cases"), remarks="Sixty knees for a power of 80 %.")
    assert page(analysed(paired(), plan), NOW) == (folder / "report.html").read_text()


def test_ratings_have_no_file_for_imrmc(tmp_path: Path) -> None:
    written = run(write_report(analysed(maps()), tmp_path / "out", NOW))
    assert not any(path.suffix == ".imrmc" for path in written)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MedGenError, match="cannot be written"):
        run(write_report(analysed(maps()), tmp_path / "file" / "out", NOW))
    assert (tmp_path / "file").read_text() == "x"


def test_the_name_of_a_question_is_no_path(tmp_path: Path) -> None:
    rows = [row | {"question": name} for name in ("../../evil", "a/b", "n" * 300, "A+", "A-") for row in yes_no(2, 12)]
    out = tmp_path / "deep" / "er" / "out"
    written = run(write_report(analysed(read(tmp_path / "t.csv", rows)), out, NOW))
    assert all(out in path.parents for path in written)
    assert {path.name for path in out.glob("*.imrmc")} == {
        "evil.imrmc",
        "ab.imrmc",
        f"{'n' * 40}.imrmc",
        "A.imrmc",
        "An2.imrmc",
    }


def test_names_that_differ_in_signs_only_stay_apart_in_imrmc(tmp_path: Path) -> None:
    rows = [
        row | {"reader": row["reader"].replace("R2", "R-1"), "case": row["case"].replace("c001", "c00.1")}
        for row in yes_no(2)
    ]
    rows = [row | {"case": row["case"].replace("c010", "c0.01")} for row in rows]
    run(write_report(analysed(read(tmp_path / "t.csv", rows)), tmp_path / "out", NOW))
    lines = (tmp_path / "out" / "answer.imrmc").read_text().splitlines()
    data = [line.split(",") for line in lines[lines.index("BEGIN DATA:") + 1 :]]
    assert len({row[1] for row in data if row[0] == "truth"}) == 20
    assert {row[0] for row in data} == {"truth", "R1", "R1n2"}
    assert "R1n2 is R-1" in lines
