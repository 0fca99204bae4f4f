# SPDX-License-Identifier: Apache-2.0
"""Raw memory: the byte at offset `n` of the file is the byte at the physical address `n`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.images.format import Format
from rocqgen.mmu.images.segments import Image

if TYPE_CHECKING:
    import mmap

PAGE = 4096


def open_raw(mapping: mmap.mmap, path: str, *, sure: bool) -> Image:
    """The whole file as physical memory from address 0 on.

    Unless the user is ``sure`` (has named the format), a file that is no whole number of pages is
    a UserError: raw memory always is one, and truncated files and files of other kinds seldom are.
    """
    size = len(mapping)
    if size % PAGE and not sure:
        raise UserError(
            f"{size} bytes are no whole number of pages: truncated, or not raw memory",
            file=path,
            expected=f"raw memory, a multiple of {PAGE} bytes; sparse pages (.npz); or an ELF core",
            hint="--format raw if it is raw memory all the same",
        )
    return Image(
        np.frombuffer(mapping, dtype=np.uint8),
        np.zeros(1, dtype=np.uint64),
        np.array([size], dtype=np.uint64),
        np.zeros(1, dtype=np.uint64),
        mapping=mapping,
        path=path,
        format=Format.RAW,
    )
