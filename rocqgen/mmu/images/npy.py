# SPDX-License-Identifier: Apache-2.0
"""The arrays in a `.npz` file, read so that a hostile file can do no more than be refused.

NumPy's own reader evaluates headers as Python literals, offers pickles, and inflates whatever it
is given.  Here a header must have the one form that writers use, its numbers must fit its size,
what is inflated is bounded, and what is not compressed is left where it is.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError

if TYPE_CHECKING:
    import mmap

    from numpy.typing import NDArray

LIMIT = 2**30
"""So many bytes of compressed arrays are inflated at most."""

_HEADER = re.compile(
    rb"\{'descr': '([<|][iu][1248])', 'fortran_order': (False|True), "
    rb"'shape': \(([0-9, ]*)\),? *\} *\n?"
)
_LONGEST_HEADER = 4096
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a `.npz` file; its elements begin at ``offset`` of ``buffer``."""

    kind: np.dtype[np.integer]
    shape: tuple[int, ...]
    buffer: NDArray[np.uint8]
    offset: int

    def load(self) -> NDArray[np.integer]:
        """The array itself, a view of the buffer where alignment allows."""
        count = math.prod(self.shape)
        end = self.offset + count * self.kind.itemsize
        return self.buffer[self.offset : end].view(self.kind).reshape(self.shape)


def read_arrays(mapping: mmap.mmap, path: str, names: tuple[str, ...]) -> dict[str, Array]:
    """Those of the arrays ``names`` that the `.npz` file has.

    UserError where it is no archive, has anything else in it, or does not hold what it declares.
    """
    whole = np.frombuffer(mapping, dtype=np.uint8)
    found: dict[str, Array] = {}
    left = LIMIT
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name not in names or name in found or name == info.filename:
                    raise _bad(path, f"the archive has a member {info.filename[:60]!r}", names)
                if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
                    start, size = _stored(mapping, info, path)
                    found[name] = _array(whole[start : start + size], whole, start, path, name)
                else:
                    data = _inflated(archive, info, left, path)
                    left -= len(data)
                    found[name] = _array(data, data, 0, path, name)
    except (
        zipfile.BadZipFile,  # no archive, or a checksum that is wrong
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,  # a method or version that Python does not know
        RuntimeError,  # encrypted
        ValueError,  # offsets before the file's beginning, names that cannot be decoded
        OverflowError,
    ) as error:
        raise UserError(
            f"the archive is truncated or damaged: {str(error)[:100] or type(error).__name__}",
            file=path,
            expected="a .npz file as np.savez writes it",
        ) from error
    return found


def _stored(mapping: mmap.mmap, info: zipfile.ZipInfo, path: str) -> tuple[int, int]:
    """Where in the file the bytes of an uncompressed member are, and how many."""
    begin, size = info.header_offset, info.file_size
    local = mapping[begin : begin + 30] if begin >= 0 else b""
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no member begins at offset {begin}")
    start = begin + 30 + int.from_bytes(local[26:28], "little")
    start += int.from_bytes(local[28:30], "little")
    if info.compress_size != size or start + size > len(mapping):
        raise UserError(
            f"the archive is truncated: its member {info.filename!r} ends at offset "
            f"{start + size}, the file at {len(mapping)}",
            file=path,
            expected="a .npz file as np.savez writes it",
        )
    return start, size


def _inflated(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, path: str
) -> NDArray[np.uint8]:
    data = bytearray()
    with archive.open(info) as stream:
        while chunk := stream.read(_CHUNK):
            data += chunk
            if len(data) > limit:
                raise UserError(
                    f"inflated, its arrays are larger than {LIMIT >> 20} MiB",
                    file=path,
                    expected="larger images uncompressed: they are mapped, not loaded",
                    hint="np.savez instead of np.savez_compressed",
                )
    return np.frombuffer(bytes(data), dtype=np.uint8)


def _array(
    data: NDArray[np.uint8], buffer: NDArray[np.uint8], start: int, path: str, name: str
) -> Array:
    head = data[: 12 + _LONGEST_HEADER].tobytes()
    if head[:6] != b"\x93NUMPY" or len(head) < 12 or head[6] not in {1, 2}:
        raise _bad(path, f"its member {name}.npy is no array", (name,))
    prefix = 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:prefix], "little")
    match = _HEADER.fullmatch(head[prefix : prefix + length])
    if match is None or length > _LONGEST_HEADER:
        raise _bad(path, f"its array {name!r} has no header of an array of integers", (name,))
    kind = np.dtype(match[1].decode())
    sizes = [part.strip() for part in match[3].split(b",")]
    shape = tuple(int(part) for part in sizes if part)
    wanted = math.prod(shape) * kind.itemsize
    if match[2] == b"True" and len(shape) > 1:
        raise _bad(path, f"its array {name!r} is in Fortran's order", (name,))
    if wanted != len(data) - prefix - length:
        raise UserError(
            f"its array {name!r} declares {wanted} bytes and has {len(data) - prefix - length}",
            file=path,
            expected="a .npz file as np.savez writes it",
        )
    return Array(kind, shape, buffer, start + prefix + length)


def _bad(path: str, what: str, names: tuple[str, ...]) -> UserError:
    return UserError(
        what,
        file=path,
        expected=f"arrays of integers in C order, named {', '.join(names)}",
        hint="np.savez(file, pfn=frame_numbers, pages=bytes_of_the_pages)",
    )
