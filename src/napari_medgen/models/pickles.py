"""Read other people's pickles without running anything: containers, numbers, tensors' descriptions and names.

A pickle is a program for a stack machine. The standard library's :mod:`pickletools` takes it apart, one instruction at a
time, and this module obeys those that build containers and numbers. A name (``GLOBAL``) stays a name: what is called,
built or filled through it becomes an :class:`Inert` record of that, except for the few of
:mod:`napari_medgen.models.inert` that only hold content. No
name is ever imported, so that nothing that a file says can run or change an object of this process.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

from napari_medgen.models.inert import (
    BUILDERS,
    RECONSTRUCTORS,
    Builder,
    Inert,
    Name,
    NumericType,
    UnreadablePickleError,
    as_key,
    in_byte_order,
)

_MOST_INSTRUCTIONS = 3_000_000
_MOST_COPIED = 2**23  # entries that calls may copy in all: a short pickle can name a long list many times
_MOST_TEXT = 2**28  # characters of texts and bytes, likewise
_MARK = object()


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
    machine = _Machine({**BUILDERS, **(builders or {})}, persistent)
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
            raise UnreadablePickleError("a missing value")
        return value

    def _since_mark(self) -> list[Any]:
        """Everything above the last mark, which is taken away too."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise UnreadablePickleError("a missing mark")
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
        self.stack.append(frozenset(as_key(value) for value in self._since_mark()))

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
        self.stack[-1].update(as_key(value) for value in values)

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
            self.stack[-1] = in_byte_order(built, state)
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
            if what in RECONSTRUCTORS and args and isinstance(args[0], Name):
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
        into[as_key(key)] = value


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
