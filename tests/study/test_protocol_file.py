"""One entry of a YAML file is changed; all else stays as somebody wrote it."""

from __future__ import annotations

import pytest
import yaml

from napari_medgen.study.protocol_file import with_entry

TEXT = """\
# a study
study: test  # its name
version: 1
questions:
  - id: a   # the first

# the cases
cases:
  - id: c1
    image: a.nii
# the end
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [("version", 2), ("cases", [{"id": "c2", "image": "b.nii"}]), ("questions", []), ("new", {"a": [1, 2]}), ("study", "x")],
)
def test_only_that_entry_is_another(name: str, value: object) -> None:
    changed = with_entry(TEXT, name, value)
    assert yaml.safe_load(changed) == yaml.safe_load(TEXT) | {name: value}
    again = with_entry(changed, name, value)
    assert yaml.safe_load(again) == yaml.safe_load(changed)
    for remark in ("# a study", "# the cases", "# the end"):
        assert remark in changed or name == "questions"


def test_a_file_without_a_last_line_end_or_without_entries() -> None:
    assert yaml.safe_load(with_entry("a: 1", "b", 2)) == {"a": 1, "b": 2}
    assert yaml.safe_load(with_entry("", "b", [1])) == {"b": [1]}
    assert yaml.safe_load(with_entry("a: {b: 1}\nc: 2\n", "a", 3)) == {"a": 3, "c": 2}
    assert yaml.safe_load(with_entry("a: [1,\n  2]\nc: 2", "a", [3])) == {"a": [3], "c": 2}
