"""What stands for the objects of a pickle: names that stay names, inert records, and plain containers and numbers.

Nothing here is a class or a function of somebody else's. The table ``BUILDERS`` lists the few names whose calls only hold
content (``dict``, ``set``, NumPy's scalars, ...), with what makes the same content of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_LONGEST_KEY = 16
_LARGEST_KEY = 2**60  # beyond it, different whole numbers have the same hash, and a dictionary of them would never be filled
# Names by which pickles of NumPy call numeric types, in the byte order that its state says.
_NUMERIC = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})

Builder = Callable[..., Any]


class UnreadablePickleError(Exception):
    """The pickle is damaged, or does what no pickle of numbers does."""


@dataclass(frozen=True)
class Name:
    """A name that a pickle mentions; never what it stands for."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Inert:
    """What stands for an object of any class: what it was called with, filled with and given as its state."""

    of: Name | None = None
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class NumericType:
    """A type of NumPy's that holds numbers, by its short name."""

    short: str


def is_module(value: Any) -> bool:
    """Whether an inert object was a whole network: it has parameters and parts."""
    return isinstance(value, Inert) and isinstance(value.state, dict) and {"_parameters", "_modules"} <= set(value.state)


def as_key(value: Any) -> Any:
    """A value that may be a key: hashing it costs little, never recurses, and few have the same hash."""
    if value is None or isinstance(value, str | bytes | bool | float | Name | Inert):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_KEY:
        return value
    if isinstance(value, tuple) and len(value) <= _LONGEST_KEY and all(isinstance(part, str) for part in value):
        return value  # hashes of texts are not known beforehand
    raise UnreadablePickleError("a key that is neither a number nor a text")


# -- names that only hold content -----------------------------------------------------------------------------------------


def _dictionary(*args: Any) -> dict[Any, Any]:
    """``dict()``, ``OrderedDict()`` or either of a list of pairs."""
    made: dict[Any, Any] = {}
    if args and isinstance(args[0], dict):
        made.update(args[0])
    elif args and isinstance(args[0], list | tuple):
        for key, value in args[0]:
            made[as_key(key)] = value
    return made


def _default_dictionary(*args: Any) -> dict[Any, Any]:
    return _dictionary(*args[1:])


def _contents(*args: Any) -> list[Any]:
    """What a container was made of, where that is a container."""
    if not args:
        return []
    if not isinstance(args[0], list | tuple | set | frozenset):
        raise UnreadablePickleError("a container of something else")
    return list(args[0])


def _set(*args: Any) -> set[Any]:
    return {as_key(value) for value in _contents(*args)}


def _number(*args: Any) -> Any:
    """``int``, ``float`` and ``bool`` of a number."""
    if len(args) != 1 or not isinstance(args[0], int | float):
        raise UnreadablePickleError("a number of something else")
    return args[0]


def _text(*args: Any) -> str:
    if len(args) != 1 or not isinstance(args[0], str):
        raise UnreadablePickleError("a text of something else")
    return args[0]


def _bytes(*args: Any) -> bytes:
    """Bytes, as protocol 2 writes them: a text and its encoding."""
    if not args:
        return b""
    if isinstance(args[0], bytes):
        return args[0]
    if isinstance(args[0], str):
        return args[0].encode("latin-1")
    raise UnreadablePickleError("bytes of something else")


def _complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    return complex(float(real), float(imaginary))


def _numeric_type(short: Any = "", *_: Any) -> NumericType | Inert:
    if isinstance(short, str) and short.lstrip("<>=|") in _NUMERIC:
        return NumericType(short)
    return Inert(Name("numpy", "dtype"), (short,))


def in_byte_order(kind: NumericType, state: Any) -> NumericType:
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else ""
    return NumericType((">" if order == ">" else "<") + kind.short.lstrip("<>=|"))


def _scalar(kind: Any = None, content: Any = b"") -> Any:
    """One number of a plain numeric type; anything else is inert."""
    import numpy as np

    if isinstance(content, str):  # what Python 2 wrote
        content = content.encode("latin-1")
    if isinstance(kind, NumericType) and isinstance(content, bytes):
        dtype = np.dtype(kind.short)
        if len(content) == dtype.itemsize:
            return np.frombuffer(content, dtype)[0].item()
    return Inert(Name("numpy", "scalar"), (kind,))


def _names(modules: str, name: str, builder: Builder) -> dict[Name, Builder]:
    return {Name(module, name): builder for module in modules.split()}


_BUILTINS = "builtins __builtin__"
BUILDERS: dict[Name, Builder] = {
    **_names("collections", "OrderedDict", _dictionary),
    **_names("collections", "defaultdict", _default_dictionary),
    **_names("dnnlib.util", "EasyDict", _dictionary),
    **_names(_BUILTINS, "dict", _dictionary),
    **_names(_BUILTINS, "list", _contents),
    **_names(_BUILTINS, "tuple", lambda *args: tuple(_contents(*args))),
    **_names(_BUILTINS, "set", _set),
    **_names(_BUILTINS, "frozenset", lambda *args: frozenset(_set(*args))),
    **_names(_BUILTINS, "int", _number),
    **_names(_BUILTINS, "long", _number),
    **_names(_BUILTINS, "float", _number),
    **_names(_BUILTINS, "bool", _number),
    **_names(_BUILTINS, "complex", _complex),
    **_names(_BUILTINS, "str", _text),
    **_names(_BUILTINS, "bytes", _bytes),
    **_names(_BUILTINS, "bytearray", _bytes),
    **_names("_codecs", "encode", _bytes),
    **_names("numpy", "dtype", _numeric_type),
    **_names("numpy.core.multiarray numpy._core.multiarray", "scalar", _scalar),
}
RECONSTRUCTORS = frozenset({Name("copyreg", "_reconstructor"), Name("copy_reg", "_reconstructor")})
