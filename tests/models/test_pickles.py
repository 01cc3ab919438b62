"""Pickles of somebody else: what they hold is read, and nothing that they name is run, changed or even imported."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medgen.models.inert import Inert, Name, UnreadablePickleError
from napari_medgen.models.pickles import read_pickle


def read(content: bytes) -> Any:
    return read_pickle(io.BytesIO(content))


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_numbers_come_through_in_every_protocol(protocol: int) -> None:
    held = {
        "numbers": [0, 1, 255, 65_536, -3, 2**40, 1.5, True, None],
        "texts": ("a", "ü", "x" * 300, b"bytes"),
        "sets": [{1, 2}, frozenset({3})],
        "nested": {"a": {"b": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]}},
        "ordered": collections.OrderedDict([("a", 1)]),
        "default": collections.defaultdict(list, {"a": [1]}),
        3: "a number for a key",
    }
    assert read(pickle.dumps(held, protocol)) == held


@pytest.mark.parametrize("protocol", range(2, 6))
def test_scalars_of_numpy_are_numbers(protocol: int) -> None:
    held = [np.float64(0.25), np.float32(0.5), np.int64(-7), np.uint8(200), np.bool_(True)]
    assert read(pickle.dumps(held, protocol)) == [0.25, 0.5, -7, 200, True]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(3),
        np.array([object()], object),
        datetime.date(2020, 1, 1),
        argparse.Namespace(a=1),
        Path("a"),
        np.random.RandomState(0),
        range(3),
        collections.Counter("aab"),
        slice(1, 2),
    ],
)
def test_what_is_neither_number_nor_container_is_inert(protocol: int, value: Any) -> None:
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = np.array(["x"], object)
    found = read(pickle.dumps({"weights": [1.0], "beside": value}, protocol))
    assert found["weights"] == [1.0]
    assert isinstance(found["beside"], Inert)


def test_state_and_content_of_inert_objects_are_kept() -> None:
    found = read(pickle.dumps(argparse.Namespace(rate=3, names=["x"])))
    assert found.state == {"rate": 3, "names": ["x"]}
    assert read(pickle.dumps(collections.Counter("aab"))).args == ({"a": 2, "b": 1},)


def test_names_are_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.__import__", lambda *args, **kwargs: pytest.fail("something was imported"))
    assert read(b"\x80\x02cos\nsystem\n.") == Name("os", "system")
    called = read(b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.")
    assert (called.of, called.args) == (Name("os", "system"), ("ls",))


def test_the_attack_is_real_and_comes_to_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"

    class Hostile:
        def __reduce__(self) -> Any:
            return os.system, (f"echo x > {trace}",)

    content = pickle.dumps({"a": Hostile()})
    assert isinstance(read(content)["a"], Inert)
    assert not trace.exists()
    pickle.loads(content)
    assert trace.exists()


@pytest.mark.parametrize(
    "target",
    [
        b"c_codecs\nencode\n",  # a function that the reader knows
        b"ccollections\nOrderedDict\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"cnapari_medgen.models.pickles\nread_pickle\n",
    ],
)
@pytest.mark.parametrize("state", [b"}U\x0c__defaults__K\x01s", b"N}U\x08__dict__}s\x86"])
def test_the_state_of_a_name_cannot_be_changed(target: bytes, state: bytes) -> None:
    with pytest.raises(UnreadablePickleError, match="state of a name"):
        read(b"\x80\x02" + target + state + b"b.")


def test_a_numpy_type_cannot_hide_an_object(tmp_path: Path) -> None:
    """Its state may name fields of Python objects; a scalar of it would be a pointer out of the file."""
    kind = b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8I0\nI1\ntR"
    scalar = b"\x80\x02cnumpy.core.multiarray\nscalar\n(" + kind + b"C\x08AAAAAAAAtR."
    assert isinstance(read(scalar), Inert)
    disguised = b"cnumpy\ndtype\n(X\x02\x00\x00\x00i8I0\nI1\ntR(I3\nX\x01\x00\x00\x00|NNNI-1\nI-1\nI63\ntb"
    assert read(b"\x80\x02cnumpy.core.multiarray\nscalar\n(" + disguised + b"C\x08\x01\x00\x00\x00\x00\x00\x00\x00tR.") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02}",
        b"\x80\x02a.",
        b"\x80\x02(l",
        b"\x80\x02K\x01K\x02a.",  # appended to a number
        b"\x80\x02K\x01K\x02K\x03s.",  # a number is filled
        b"\x80\x02}]K\x01s.",  # a list for a key
        b"\x80\x02}(K\x01u.",  # a key without a value
        b"\x80\x02h\x07.",  # nothing was remembered there
        b"\x80\x02\x82\x01.",  # copyreg's extensions
        b"\x80\x02K\x01K\x02R.",
        b"\x80\x02Vname\nVname\n\x93K\x01b.",
        b"\x80\x02U\x01aQ.",  # a reference outside
        b"\x80\x05\x97.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"abc.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"I" + b"9" * 10_000 + b"\n.",
    ],
)
def test_nonsense_ends_in_one_kind_of_error(content: bytes) -> None:
    with pytest.raises(UnreadablePickleError):
        read(content)


def test_nothing_grows_without_a_limit() -> None:
    deep = b"\x80\x02}" + b"(" * 0 + b")" + b"\x85" * 200_000 + b"K\x01s."
    with pytest.raises(UnreadablePickleError, match="key"):
        read(deep)  # its hash would recurse 200,000 times
    colliding = b"}" + b"".join(b"\x8a\x09" + (i * (2**61 - 1)).to_bytes(9, "little") + b"K\x01s" for i in range(1, 99))
    with pytest.raises(UnreadablePickleError, match="key"):
        read(b"\x80\x02" + colliding + b".")
    many = b"\x80\x02](" + b"N" * 100_000 + b"eq\x00" + b"c__builtin__\nlist\nh\x00\x85R" * 5_000 + b"."
    with pytest.raises(UnreadablePickleError, match="many times"):
        read(many)
    with pytest.raises(UnreadablePickleError, match="instructions"):
        read(b"\x80\x02" + b"N0" * 1_600_000 + b"N.")


def test_only_the_pickle_is_read() -> None:
    file = io.BytesIO(pickle.dumps([1], 2) + b"beyond")
    assert read_pickle(file) == [1]
    assert file.read() == b"beyond"


@pytest.mark.parametrize("key", [b"((K\x01tt", b"(K\x01K\x02t", b"(K\x01K\x02\x91"])
def test_keys_whose_hash_is_known_beforehand_are_refused(key: bytes) -> None:
    with pytest.raises(UnreadablePickleError, match="key"):
        read_pickle(io.BytesIO(b"\x80\x04}" + key + b"K\x01s."))
