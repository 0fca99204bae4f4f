# SPDX-License-Identifier: Apache-2.0
"""Sparse pages: a `.npz` file with the pages that matter and their frame numbers.

| array | type | shape | is |
|---|---|---|---|
| `pfn` | integers, not negative | `(n,)` | frame numbers (physical address / 4096), distinct |
| `pages` | uint8 | `(n, 4096)` | the bytes of these frames |
| `cr3` | integers, not negative | `()` | may be left out: the root to begin with |

`np.savez` writes it.  Uncompressed arrays are mapped; compressed ones (`np.savez_compressed`) are
inflated, up to a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.images.about import Machine
from rocqgen.mmu.images.format import Format
from rocqgen.mmu.images.npy import read_arrays
from rocqgen.mmu.images.segments import Image

if TYPE_CHECKING:
    import mmap

    from numpy.typing import NDArray

PAGE = 4096
_LAST_FRAME = 2**52 - 1
_LAYOUT = "pfn of shape (n,), pages uint8 of shape (n, 4096), and perhaps cr3 of shape ()"


def open_pages(mapping: mmap.mmap, path: str) -> Image:
    """The pages of the `.npz` file; UserError where its arrays are not as described above."""
    arrays = read_arrays(mapping, path, ("pfn", "pages", "cr3"))
    for name in ("pfn", "pages"):
        if name not in arrays:
            raise _bad(path, f"the archive has no array {name!r}")
    pages = arrays["pages"]
    frames = _numbers(arrays["pfn"].load(), path, "pfn")
    if frames.ndim != 1:
        raise _bad(path, f"the array 'pfn' has the shape {frames.shape}")
    if pages.kind != np.uint8 or pages.shape != (len(frames), PAGE):
        raise _bad(path, f"the array 'pages' is {pages.kind.name} of shape {pages.shape}")
    order = np.argsort(frames, kind="stable")
    frames = frames[order]
    if len(frames) and frames[-1] > _LAST_FRAME:
        raise _bad(path, f"the frame number {frames[-1]:#x} has more than 52 bits")
    twice = np.flatnonzero(frames[1:] == frames[:-1])
    if len(twice):
        raise _bad(path, f"the frame number {frames[twice[0]]:#x} is there twice")
    root = arrays.get("cr3")
    if root is not None and root.shape not in {(), (1,)}:
        raise _bad(path, f"the array 'cr3' has the shape {root.shape}")
    return Image(
        pages.buffer,
        frames * np.uint64(PAGE),
        np.full(len(frames), PAGE, dtype=np.uint64),
        np.uint64(pages.offset) + order.astype(np.uint64) * np.uint64(PAGE),
        mapping=mapping,
        path=path,
        format=Format.NPZ,
        machine=Machine(
            root=None if root is None else int(_numbers(root.load(), path, "cr3").flat[0])
        ),
    )


def _numbers(values: NDArray[np.integer], path: str, name: str) -> NDArray[np.uint64]:
    if values.size and int(values.min()) < 0:
        raise _bad(path, f"the array {name!r} has the negative number {int(values.min())}")
    return values.astype(np.uint64)


def _bad(path: str, what: str) -> UserError:
    return UserError(what, file=path, expected=_LAYOUT)
