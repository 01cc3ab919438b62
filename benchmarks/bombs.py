"""Small files that ask for much: of memory when they are unpacked, or of time when they are obeyed."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

_UNPACKED = 2_000_000_000  # bytes that a bomb pretends to hold, or holds: four times what the fuzzer allows
_ZEROS = bytes(2**20)
_WITHIN = b"ctorch.storage\n_load_from_bytes\n"
_STORED = b"((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ"


def maker(folder: Path) -> Callable[[int, int], Path]:
    """A function from seed and number to a bomb; the kinds take turns, its size follows from both."""

    def make(seed: int, number: int) -> Path:
        random = Random(f"bomb {seed} {number}")
        return _BOMBS[number % len(_BOMBS)](folder, random)

    return make


def _zeros(count: int, packer: object) -> bytes:
    """So many zeros, packed by an object with ``compress`` and ``flush``."""
    made = [packer.compress(_ZEROS) for _ in range(count // len(_ZEROS))]  # type: ignore[attr-defined]
    return b"".join(made) + packer.flush()  # type: ignore[attr-defined, no-any-return]


def _gzip(count: int) -> bytes:
    return _zeros(count, zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16))


def _nifti(folder: Path, random: Random) -> Path:
    """A header whose voxels are all there, packed; or one that says little while much follows."""
    import nibabel as nib

    header = nib.Nifti1Header()
    side = random.choice((4, 1200))
    header.set_data_shape((side, side, side))
    header["vox_offset"] = random.choice((352, 10_000_000, 2e9))
    header["magic"] = b"n+1"
    path = folder / "a.nii.gz"
    path.write_bytes(
        gzip.compress(header.binaryblock + random.choice((bytes(4), b"\1\0\0\0" + struct.pack("<ii", 2**30, 6))))
    )
    with path.open("ab") as file:
        file.write(_gzip(_UNPACKED // random.choice((1, 4))))
    return path


def _nrrd(folder: Path, random: Random) -> Path:
    encoding = random.choice(("gzip", "bzip2"))
    side = random.choice((4, 1200))
    packed = _gzip(_UNPACKED) if encoding == "gzip" else _zeros(_UNPACKED // 8, bz2.BZ2Compressor(9))
    text = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: {side} {side} {side}\nencoding: {encoding}\n\n"
    (folder / "a.nrrd").write_bytes(text.encode() + packed)
    return folder / "a.nrrd"


def _png(folder: Path, random: Random) -> Path:
    """Rows of zeros, a million to a side; colour and depth at random."""
    colour, depth = random.choice(((0, 8), (0, 16), (2, 8), (6, 16), (3, 8)))
    side = random.choice((30_000, 60_000))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(2**24), 9)
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    text = chunk(b"zTXt", b"napari-medgen\0\0" + zlib.compress(bytes(2**26), 9)) if random.random() < 0.5 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    (folder / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + text + palette + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return folder / "a.png"


def _jpeg(folder: Path, random: Random) -> Path:
    """A small picture whose header says that it is the largest there can be."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new(random.choice(("L", "RGB")), (64, 64), 90).save(buffer, "JPEG", progressive=random.random() < 0.5)
    content = bytearray(buffer.getvalue())
    place = next(at for at in range(len(content)) if content[at] == 0xFF and content[at + 1] in (0xC0, 0xC2))
    content[place + 5 : place + 9] = struct.pack(">HH", random.choice((20_000, 65_500)), 65_500)
    (folder / "a.jpg").write_bytes(content)
    return folder / "a.jpg"


def _dicom(folder: Path, random: Random) -> Path:
    """A deflated data set of zeros, or rows and columns that are not there."""
    import pydicom
    from pydicom.data import get_testdata_file

    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    path = folder / "a.dcm"
    if random.random() < 0.5:
        data.Rows, data.Columns = 65_535, random.choice((30_000, 65_535))
        data.save_as(path)
        return path
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    del data.PixelData
    data.save_as(path)
    content = path.read_bytes()
    begin = 144 + int.from_bytes(content[140:144], "little")
    whole = zlib.decompress(content[begin:], -zlib.MAX_WBITS) + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 2**31)
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(content[:begin] + packer.compress(whole) + _zeros(_UNPACKED, packer))
    return path


def _archive(folder: Path, program: bytes, numbers: bytes = bytes(16)) -> Path:
    path = folder / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a/data.pkl", program)
        out.writestr("a/data/0", numbers)
    return path


def _unpacking(folder: Path, random: Random) -> Path:
    """An archive whose only storage, or whose pickle, is zeros."""
    path = folder / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("a/data.pkl", b"\x80\x02}.")
        with out.open(random.choice(("a/data/0", "a/version")), "w", force_zip64=True) as part:
            for _ in range(_UNPACKED // len(_ZEROS)):
                part.write(_ZEROS)
    return path


def _laughing(folder: Path, random: Random) -> Path:
    """Lists of lists of lists, each the one before many times, copied by a call or not."""
    program = b"\x80\x02]q\x00("
    times, depth = random.choice(((10, 9), (200, 200), (250, 3))), random.randrange(3, 9)
    for place in range(1, times[1] if depth < 6 else depth):
        program += b"h" + bytes([place - 1]) + (b"h" + bytes([place - 1])) * times[0]
        program += random.choice((b"l", b"t")) + b"q" + bytes([place]) + b"("
    call = random.choice((b"", b"cbuiltins\nlist\n", b"cbuiltins\nset\n", b"ccollections\nOrderedDict\n"))
    last = b"h" + bytes([place])
    return _archive(folder, program + b"0" + (call + last + b"\x85R" if call else last) + b"1}U\x01a" + last + b"s.")


def _sharing(folder: Path, random: Random) -> Path:
    """Many names for few numbers: each view is small in the file and large when it is copied."""
    side = random.choice((2, 40_000))
    call = b"ctorch._utils\n_rebuild_tensor_v2\n" + _STORED + b"K\x00("
    call += (b"M" + struct.pack("<H", side)) * 2 + b"t(" + b"K\x00K\x00" + b"ttR"
    names = b"".join(b"U\x04" + f"{number:04d}".encode() + call + b"s" for number in range(random.choice((1, 3000))))
    return _archive(folder, b"\x80\x02}" + names + b".")


def _counting(folder: Path, random: Random) -> Path:
    """Instructions without end, or numbers of many digits."""
    if random.random() < 0.5:
        return _archive(folder, b"\x80\x02" + b"K\x010" * 20_000_000 + b"}.")
    digits = b"9" * random.choice((5_000, 4_000_000))
    return _archive(folder, b"\x80\x02}U\x01aL" + digits + b"L\ns.")


def _nested(folder: Path, random: Random) -> Path:
    """Files in files in files; and marks in marks."""
    if random.random() < 0.5:
        return _archive(folder, b"\x80\x02" + b"(" * 2_500_000 + b"t" * 2_500_000 + b".")
    import torch

    buffer = io.BytesIO()
    torch.save(torch.zeros(1).untyped_storage(), buffer, _use_new_zipfile_serialization=False)
    call = _WITHIN + b"B" + struct.pack("<I", len(buffer.getvalue())) + buffer.getvalue() + b"q\x00\x85R"
    return _archive(folder, b"\x80\x02(" + call + (_WITHIN + b"h\x00\x85R") * 30_000 + b"l.")


_BOMBS = (_nifti, _nrrd, _png, _jpeg, _dicom, _unpacking, _laughing, _sharing, _counting, _nested)
