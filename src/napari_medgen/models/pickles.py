"""Read other people's pickles without running anything: containers, numbers, tensors' descriptions and names.

A pickle is a program for a stack machine. The standard library's :mod:`pickletools` takes it apart, one instruction at a
time, and this module obeys those that build containers and numbers. A name (``GLOBAL``) stays a name: what is called,
built or filled through it becomes an :class:`Inert` record of that, except for the few below that only hold numbers. No
name is ever imported, so that nothing that a file says can run or change an object of this process.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, cast

_MOST_INSTRUCTIONS = 3_000_000
_MOST_COPIED = 2**23  # entries that calls may copy in all: a short pickle can name a long list many times
_MOST_TEXT = 2**28  # characters of texts and bytes, likewise
_LONGEST_KEY = 16
_LARGEST_KEY = 2**60  # beyond it, different whole numbers have the same hash, and a dictionary of them would never be filled
_MARK = object()

# Names by which pickles of NumPy call numeric types, in the byte order that its state says.
_NUMERIC = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


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


Builder = Callable[..., Any]


def read_pickle(
    file: IO[bytes], builders: Mapping[Name, Builder] | None = None, persistent: Callable[[Any], Any] | None = None
) -> Any:
    """The object that a pickle describes, up to its end; what follows in the file is not touched.

    Parameters
    ----------
    file
        Open at the pickle's first byte; protocols 0 to 5.
    builders
        What makes harmless values out of the arguments of a name, beside those for containers and numbers that are known
        here. They see what this module made, never an object of somebody else's class.
    persistent
        What a persistent identifier stands for; without it, there may be none.

    Raises
    ------
    UnreadablePickleError
        If it is damaged, too long, or its instructions make no sense on what they act on.
    """
    machine = _Machine({**_BUILDERS, **(builders or {})}, persistent)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(cast(Any, Bounded(file)))):
            if count > _MOST_INSTRUCTIONS:
                raise UnreadablePickleError("too many instructions")
            machine.obey(instruction.name, argument)
        return machine.stack.pop()
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError) as error:
        raise UnreadablePickleError(f"a value that no pickle holds ({type(error).__name__})") from None


class Bounded:
    """A file whose ``read`` never asks for room beyond what is left: a length in a pickle may say anything."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        here = file.tell()
        self._end = file.seek(0, io.SEEK_END)
        file.seek(here)

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes."""
        return self._file.read(max(0, min(count, self._end - self._file.tell())))

    def readline(self) -> bytes:
        """Up to the end of a line."""
        return self._file.readline()

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()


class _Machine:
    """The stack machine; an instruction is a method of its own name, several names may share one."""

    def __init__(self, builders: Mapping[Name, Builder], persistent: Callable[[Any], Any] | None) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self._builders, self._persistent = builders, persistent
        self._copied = self._texts = 0

    def obey(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(argument)
        elif name in _VALUES:
            self.stack.append(_VALUES[name]())
        else:
            _INSTRUCTIONS[name](self, argument)

    # -- the stack ----------------------------------------------------------------------------------------------------

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise UnreadablePickleError("a value is missing")
        return value

    def _since_mark(self) -> list[Any]:
        """Everything above the last mark, which is taken away too."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise UnreadablePickleError("a mark is missing")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def pop(self, _: Any) -> None:
        self.stack.pop()

    def pop_mark(self, _: Any) -> None:
        self._since_mark()

    def duplicate(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def nothing(self, _: Any) -> None:
        """Instructions that say how the pickle is laid out."""

    def refuse(self, _: Any) -> None:
        raise UnreadablePickleError("an instruction that checkpoints do not hold")

    # -- memory -------------------------------------------------------------------------------------------------------

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    # -- containers ---------------------------------------------------------------------------------------------------

    def to_list(self, _: Any) -> None:
        self.stack.append(self._since_mark())

    def to_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def tuple1(self, _: Any) -> None:
        self.stack.append((self._pop(),))

    def tuple2(self, _: Any) -> None:
        second, first = self._pop(), self._pop()
        self.stack.append((first, second))

    def tuple3(self, _: Any) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self.stack.append((first, second, third))

    def to_dict(self, _: Any) -> None:
        made: dict[Any, Any] = {}
        _fill(made, self._since_mark())
        self.stack.append(made)

    def to_frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(_key(value) for value in self._since_mark()))

    def append(self, _: Any) -> None:
        value = self._pop()
        _extend(self.stack[-1], [value])

    def appends(self, _: Any) -> None:
        values = self._since_mark()
        _extend(self.stack[-1], values)

    def set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        _fill(self.stack[-1], [key, value])

    def set_items(self, _: Any) -> None:
        values = self._since_mark()
        _fill(self.stack[-1], values)

    def add_items(self, _: Any) -> None:
        values = self._since_mark()
        if not isinstance(self.stack[-1], set):
            raise UnreadablePickleError("something else than a set is added to")
        self.stack[-1].update(_key(value) for value in values)

    # -- objects ------------------------------------------------------------------------------------------------------

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Name(module, name))

    def stack_name(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise UnreadablePickleError("a name that is no text")
        self.stack.append(Name(module, name))

    def call(self, _: Any) -> None:
        args, what = self._pop(), self._pop()
        self.stack.append(self._made(what, args))

    def call_keywords(self, _: Any) -> None:
        keywords, args, what = self._pop(), self._pop(), self._pop()
        made = self._made(what, args)
        if isinstance(made, Inert) and isinstance(keywords, dict):
            made.items.update(keywords)
        self.stack.append(made)

    def instance(self, argument: str) -> None:
        args = tuple(self._since_mark())
        module, _, name = argument.partition(" ")
        self.stack.append(self._made(Name(module, name), args))

    def object(self, _: Any) -> None:
        what, *args = self._since_mark()
        self.stack.append(self._made(what, tuple(args)))

    def build(self, _: Any) -> None:
        state = self._pop()
        built = self.stack[-1]
        if isinstance(built, Inert):
            built.state = state
        elif isinstance(built, NumericType):
            self.stack[-1] = _in_byte_order(built, state)
        elif isinstance(built, Name):
            raise UnreadablePickleError("the state of a name is changed")
        # Attributes of a container or a tensor (an ordered state dict's _metadata) say nothing of its content.

    def persistent(self, _: Any) -> None:
        self.stack.append(self._persisted(self._pop()))

    def persistent_text(self, argument: str) -> None:
        self.stack.append(self._persisted(argument))

    def _persisted(self, identifier: Any) -> Any:
        if self._persistent is None:
            raise UnreadablePickleError("a reference to something outside the pickle")
        return self._persistent(identifier)

    def _made(self, what: Any, args: Any) -> Any:
        if not isinstance(args, tuple):
            raise UnreadablePickleError("a call without arguments")
        if isinstance(what, Name):
            # copyreg's reconstructor names the class first; the class is what counts.
            if what in _RECONSTRUCTORS and args and isinstance(args[0], Name):
                what, args = args[0], ()
            if what in self._builders:
                self._copied += sum(len(arg) for arg in args if isinstance(arg, list | tuple | dict | set | frozenset))
                self._texts += sum(len(arg) for arg in args if isinstance(arg, str))
                if self._copied > _MOST_COPIED or self._texts > _MOST_TEXT:
                    raise UnreadablePickleError("the same content many times")
                return self._builders[what](*args)
            return Inert(what, args)
        return Inert(None, args)


def _extend(target: Any, values: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Inert):
        target.entries.extend(values)
    else:
        raise UnreadablePickleError("something else than a list is appended to")


def _fill(target: Any, values: list[Any]) -> None:
    if len(values) % 2:
        raise UnreadablePickleError("a key without a value")
    into = target.items if isinstance(target, Inert) else target
    if not isinstance(into, dict):
        raise UnreadablePickleError("something else than a dictionary is filled")
    for key, value in zip(values[::2], values[1::2], strict=True):
        into[_key(key)] = value


def _key(value: Any) -> Any:
    """A value that may be a key: hashing it costs little, never recurses, and few have the same hash."""
    if value is None or isinstance(value, str | bytes | bool | float | Name | Inert):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_KEY:
        return value
    if isinstance(value, tuple) and len(value) <= _LONGEST_KEY and all(isinstance(part, str) for part in value):
        return value  # hashes of texts are not known beforehand
    raise UnreadablePickleError("a key that is neither a number nor a text")


# -- names that only hold numbers -----------------------------------------------------------------------------------------


def _dictionary(*args: Any) -> dict[Any, Any]:
    """``dict()``, ``OrderedDict()`` or either of a list of pairs."""
    made: dict[Any, Any] = {}
    if args and isinstance(args[0], dict):
        made.update(args[0])
    elif args and isinstance(args[0], list | tuple):
        for key, value in args[0]:
            made[_key(key)] = value
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
    return {_key(value) for value in _contents(*args)}


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


def _in_byte_order(kind: NumericType, state: Any) -> NumericType:
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
_BUILDERS: dict[Name, Builder] = {
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
_RECONSTRUCTORS = frozenset({Name("copyreg", "_reconstructor"), Name("copy_reg", "_reconstructor")})

# -- instructions ---------------------------------------------------------------------------------------------------------

_CONSTANTS = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ]
)
_VALUES: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.nothing,
    "FRAME": _Machine.nothing,
    "STOP": _Machine.nothing,
    "READONLY_BUFFER": _Machine.nothing,
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "LIST": _Machine.to_list,
    "TUPLE": _Machine.to_tuple,
    "TUPLE1": _Machine.tuple1,
    "TUPLE2": _Machine.tuple2,
    "TUPLE3": _Machine.tuple3,
    "DICT": _Machine.to_dict,
    "FROZENSET": _Machine.to_frozenset,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "ADDITEMS": _Machine.add_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _Machine.call_keywords,
    "INST": _Machine.instance,
    "OBJ": _Machine.object,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
    "PERSID": _Machine.persistent_text,
    "EXT1": _Machine.refuse,
    "EXT2": _Machine.refuse,
    "EXT4": _Machine.refuse,
    "NEXT_BUFFER": _Machine.refuse,
}


def is_module(value: Any) -> bool:
    """Whether an inert object was a whole network: it has parameters and parts."""
    return isinstance(value, Inert) and isinstance(value.state, dict) and {"_parameters", "_modules"} <= set(value.state)
