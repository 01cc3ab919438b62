"""Read PyTorch checkpoints of other people: one parser, nothing of the file runs.

A checkpoint is a pickle that describes tensors, and the tensors' bytes beside it: in a zip archive since PyTorch 1.6, after
the pickle before that. ``torch.load`` is not asked: what it takes a file for may differ from what a check before it saw.
The pickle is read by :mod:`napari_medgen.models.pickles`, the tensors are views of the bytes that are stored, and both are
bounded before room is made for them.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_medgen.errors import MedGenError, ModelError
from napari_medgen.models.inert import Builder, Inert, Name, UnreadablePickleError, is_module
from napari_medgen.models.pickles import read_pickle
from napari_medgen.running.limits import require_model_bytes

if TYPE_CHECKING:
    import torch

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_DEEPEST_NESTING = 3
_MOST_AXES = 16
_MOST_FILES_WITHIN = 20_000
_LONGEST_NAME = 2_000
_OTHER_TYPES = frozenset({"uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"})
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


@dataclass(frozen=True)
class _Storage:
    """Numbers in a row; ``flat`` is None while a legacy file is read for the first time, to learn where they are."""

    flat: torch.Tensor | None


@contextmanager
def opened_foreign(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """A file of somebody else, open for reading; whatever goes wrong with it within is one sentence.

    Parameters
    ----------
    kind
        What the file should be, for the sentence: "a checkpoint".

    Raises
    ------
    ModelError
        If it is missing, no ordinary file, larger than the settings allow, damaged, or of another kind.
    """
    try:
        if path.is_dir():
            raise ModelError(f"{path.name} is a folder, not {kind}.")
        if path.exists() and not path.is_file():
            raise ModelError(f"{path.name} is not an ordinary file.")
        with path.open("rb") as file:
            require_model_bytes(path.stat().st_size, path.name)
            yield file
    except FileNotFoundError:
        raise ModelError(f"There is no {kind.split()[1]} {path.name}.") from None
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except UnreadablePickleError as error:
        raise ModelError(f"{path.name} is damaged, or not {kind}: it holds {error}.") from None
    except (MemoryError, RecursionError):
        raise ModelError(f"{path.name} asks for more memory than there is.") from None
    except MedGenError:
        raise
    except Exception:
        # zipfile, zlib, struct and PyTorch raise whatever they stumble over.
        raise ModelError(f"{path.name} is damaged, or not {kind}.") from None


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Content of a checkpoint that ``torch.save`` wrote, in its zip or its legacy format, or of a safetensors file.

    Parameters
    ----------
    path
        A ``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors`` file; what it is follows from its content.

    Returns
    -------
    dict
        Tensors on the CPU, plain Python values, and :class:`~napari_medgen.models.inert.Inert` objects; see
        :func:`plain`. A network that was saved whole is under ``module``.

    Raises
    ------
    ModelError
        If the file is missing, of another kind, damaged, or larger than the settings allow. Nothing of it is run.
    """
    path = Path(path)
    with opened_foreign(path, "a checkpoint") as file:
        content = _content(file, path.name)
    if is_module(content):
        content = {"module": content}
    if not isinstance(content, dict):
        raise ModelError(f"{path.name} holds no named entries; it is not a checkpoint of this kind.")
    return content


def _content(file: IO[bytes], name: str) -> Any:
    begin = file.read(512)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if begin[:2] == b"PK":
        return _read_zip(file, name)
    if begin[257:262] == b"ustar":
        raise ModelError(
            f"{name} is in the tar format of PyTorch before 0.1.10; load it there with a later PyTorch and save it again."
        )
    if begin[8:9] == b"{" and struct.unpack("<Q", begin[:8])[0] <= size:
        return _read_safetensors(file, name)
    if begin[:1] == b"\x80":
        return read_legacy(file, name)
    raise ModelError(f"{name} is not a checkpoint that PyTorch wrote.")


# -- formats --------------------------------------------------------------------------------------------------------------


def _read_zip(file: IO[bytes], name: str) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        require_model_bytes(sum(info.file_size for info in members.values()), name)
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in members.values()):
            raise ModelError(f"{name} is an archive, but not one that PyTorch wrote.")

        def unpacked(member: str) -> bytes:
            """A member, never more of it than the archive says."""
            with archive.open(members[member]) as part:
                return part.read(members[member].file_size)

        if any(member.endswith("/constants.pkl") for member in members):
            raise ModelError(f"{name} is a TorchScript program, not a checkpoint; it is not run.")
        pickles = [member for member in members if member.split("/")[-1] == "data.pkl" and member.count("/") <= 1]
        if len(pickles) != 1:
            raise ModelError(f"{name} is an archive, but not one that PyTorch wrote.")
        folder = pickles[0].removesuffix("data.pkl")
        swap = f"{folder}byteorder" in members and unpacked(f"{folder}byteorder").strip() == b"big"
        stored: dict[str, _Storage] = {}

        def storage(kind: str, key: str, count: int) -> _Storage:
            if key not in stored:
                stored[key] = _Storage(_numbers(unpacked(f"{folder}data/{key}"), kind, count, swap))
            return stored[key]

        return read_pickle(io.BytesIO(unpacked(pickles[0])), _builders(name, 0), _persistent(storage))


def read_legacy(file: IO[bytes], name: str, depth: int = 0) -> Any:
    """Content of a file in the format before PyTorch 1.6, from where it stands: pickles, then the tensors' bytes.

    Parameters
    ----------
    name
        For messages.
    depth
        How many pickles it lies in: some of them carry such a file within.

    Raises
    ------
    ModelError
        If it begins otherwise.
    UnreadablePickleError
        If it is damaged.
    """
    if depth > _DEEPEST_NESTING:
        raise UnreadablePickleError("a file in a file in a file")
    try:
        magic, protocol, system = (read_pickle(file) for _ in range(3))
    except UnreadablePickleError:
        magic, protocol, system = None, None, None
    if magic != _LEGACY_MAGIC or protocol != _LEGACY_PROTOCOL or not isinstance(system, dict):
        raise ModelError(f"{name} is a pickle, but not a checkpoint that PyTorch wrote.")
    swap, start = not system.get("little_endian", True), file.tell()
    kinds: dict[str, tuple[str, int]] = {}

    def describe(kind: str, key: str, count: int) -> _Storage:
        kinds.setdefault(key, (kind, count))
        return _Storage(None)

    # The first reading says which storages there are; their bytes come after it.
    read_pickle(file, _builders(name, depth), _persistent(describe))
    stored: dict[str, _Storage] = {}
    for key in read_pickle(file):
        kind, expected = kinds[key]
        (count,) = struct.unpack(">q" if swap else "<q", file.read(8))
        if count != expected:
            raise UnreadablePickleError("a tensor of another length")
        stored[key] = _Storage(_numbers(file.read(count * _width(kind)), kind, count, swap))
    file.seek(start)
    return read_pickle(file, _builders(name, depth), _persistent(lambda kind, key, count: stored[key]))


def _read_safetensors(file: IO[bytes], name: str) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(file.read())
    except (SafetensorError, KeyError, ValueError):
        raise ModelError(f"{name} is damaged, or not a safetensors file.") from None


# -- tensors --------------------------------------------------------------------------------------------------------------


def _persistent(storage: Callable[[str, str, int], _Storage]) -> Callable[[Any], Any]:
    """What PyTorch's persistent identifiers stand for: storages, and names of networks that were saved whole."""

    def resolve(identifier: Any) -> Any:
        kind, *rest = identifier
        if kind == "module" and len(rest) == 3:  # a class, its file and its text: the name is enough
            return rest[0]
        if kind != "storage" or len(rest) < 4:
            raise UnreadablePickleError("a reference of an unknown kind")
        what, key, _, count, *view = rest
        if not isinstance(what, Name) or not isinstance(key, str) or type(count) is not int or count < 0:
            raise UnreadablePickleError("a tensor that is not described")
        whole = storage(what.name, key, count)
        if view and view[0] is not None and whole.flat is not None:  # PyTorch before 0.4: a storage within a storage
            _, offset, length = view[0]
            if not 0 <= offset <= offset + length <= whole.flat.numel():
                raise UnreadablePickleError("a tensor beyond its numbers")
            return _Storage(whole.flat[offset : offset + length])
        return whole

    return resolve


def _width(kind: str) -> int:
    import torch

    if kind not in _STORAGES:
        raise UnreadablePickleError("numbers of an unknown type")
    return getattr(torch, _STORAGES[kind]).itemsize  # type: ignore[no-any-return]


def _numbers(content: bytes, kind: str, count: int, swap: bool) -> torch.Tensor:
    """A flat tensor of ``count`` numbers out of their bytes."""
    import torch

    width, dtype = _width(kind), getattr(torch, _STORAGES[kind])
    if len(content) != count * width:
        raise UnreadablePickleError("fewer numbers than it says")
    if not count:
        return torch.empty(0, dtype=dtype)
    if dtype == torch.bool:  # a byte that is neither 0 nor 1 is no truth value
        return torch.frombuffer(bytearray(content), dtype=torch.uint8) != 0
    flat = torch.frombuffer(bytearray(content), dtype=dtype)
    if swap and width > 1:
        return flat.view(torch.uint8).view(-1, width).flip(1).contiguous().flatten().view(dtype)
    return flat


def _builders(name: str, depth: int) -> dict[Name, Builder]:
    """How tensors are made of what a pickle says of them; their sum is bounded, for many may look at the same bytes."""
    import torch

    made = files = 0

    def tensor(storage: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None) -> Any:
        nonlocal made
        if not isinstance(storage, _Storage):
            raise UnreadablePickleError("a tensor without numbers")
        if storage.flat is None:
            return None
        flat = storage.flat if dtype is None else storage.flat.view(dtype)
        axes = [offset, *size, *stride]
        if any(type(n) is not int or not 0 <= n < 2**62 for n in axes) or len(size) != len(stride) or len(size) > _MOST_AXES:
            raise UnreadablePickleError("a tensor of an impossible shape")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if 0 not in size and last >= flat.numel():
            raise UnreadablePickleError("a tensor beyond its numbers")
        made += math.prod(size) * flat.element_size()
        require_model_bytes(made, name)
        return torch.as_strided(flat, tuple(size), tuple(stride), 0 if 0 in size else offset)

    def version2(storage: Any = None, offset: Any = 0, size: Any = (), stride: Any = (), *_: Any) -> Any:
        return tensor(storage, offset, size, stride)

    def version3(
        storage: Any = None, offset: Any = 0, size: Any = (), stride: Any = (), _: Any = None, hooks: Any = None,
        kind: Any = None, *more: Any,
    ) -> Any:  # fmt: skip
        dtype = getattr(torch, kind.name, None) if isinstance(kind, Name) and kind.module == "torch" else None
        if not isinstance(dtype, torch.dtype) or kind.name not in _OTHER_TYPES:
            raise UnreadablePickleError("numbers of an unknown type")
        return tensor(storage, offset, size, stride, dtype)

    def parameter(data: Any = None, *_: Any) -> Any:
        return data

    def typed(_: Any = None, function: Any = None, *more: Any) -> Any:
        """``_rebuild_from_type_v2(function, type, arguments, state)``: a tensor of a subclass is a tensor."""
        return data_of(_, more[0] if more else ())

    def data_of(function: Any, args: Any) -> Any:
        known = builders.get(function) if isinstance(function, Name) else None
        return known(*args) if known is not None and isinstance(args, tuple) else Inert(None, ())

    def within(content: Any = b"", *_: Any) -> Any:
        nonlocal files
        files += 1
        if not isinstance(content, bytes | bytearray) or files > _MOST_FILES_WITHIN:
            raise UnreadablePickleError("a tensor without bytes")
        return read_legacy(io.BytesIO(content), name, depth + 1)

    def size(values: Any = (), *_: Any) -> Any:
        return tuple(values) if isinstance(values, tuple | list) else ()

    builders: dict[Name, Builder] = {
        Name("torch._utils", "_rebuild_tensor"): version2,
        Name("torch._utils", "_rebuild_tensor_v2"): version2,
        Name("torch._utils", "_rebuild_tensor_v3"): version3,
        Name("torch._utils", "_rebuild_parameter"): parameter,
        Name("torch._utils", "_rebuild_parameter_with_state"): parameter,
        Name("torch._tensor", "_rebuild_from_type_v2"): typed,
        Name("torch.storage", "_load_from_bytes"): within,
        Name("torch", "Size"): size,
        Name("torch", "device"): lambda *args: ":".join(str(arg) for arg in args if isinstance(arg, str | int)),
    }
    return builders


def read_bare_pickle(file: IO[bytes], name: str) -> Any:
    """A pickle without PyTorch's frame around it whose tensors are files within it, as StyleGAN's are."""
    return read_pickle(file, _builders(name, 0))


# -- what is in it --------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A configuration object (OmegaConf's nodes, or containers of them) as plain dictionaries, lists and values.

    What refers to itself, or lies deeper than configurations do, becomes None.
    """
    return _plain(value, 24, [100_000])


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        return None
    if isinstance(value, Inert):
        state = value.state
        if isinstance(state, dict) and state:
            for inner in ("_content", "_val"):
                if inner in state:
                    return _plain(state[inner], depth - 1, left)
            return {key: _plain(item, depth - 1, left) for key, item in state.items() if isinstance(key, str)}
        return _plain(value.items, depth - 1, left) if value.items else None
    if isinstance(value, dict):
        named = ((_plain(key, depth - 1, left), item) for key, item in value.items())
        return {key: _plain(item, depth - 1, left) for key, item in named if isinstance(key, str | int | float)}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1, left) for item in value]
    return value


def named_tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """Every tensor of a checkpoint by its whole name: the keys on the way to it, joined by dots.

    Networks that were saved whole count by the names that their state dict would have.
    """
    import torch

    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        prefix, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            found[prefix.removesuffix(".")] = value
        elif id(value) not in seen and len(prefix) <= _LONGEST_NAME:
            seen.add(id(value))
            waiting.extend((f"{prefix}{key}." if key else prefix, item) for key, item in _entries(value))
    return found


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    held = [value]
    if is_module(value):
        held = [value.state.get(part) for part in ("_parameters", "_buffers", "_modules")]
    elif isinstance(value, Inert):
        held = [value.items]
    for part in held:
        if isinstance(part, dict):
            yield from ((key, item) for key, item in part.items() if isinstance(key, str) and len(key) <= _LONGEST_NAME)
