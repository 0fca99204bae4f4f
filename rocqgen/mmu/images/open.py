# SPDX-License-Identifier: Apache-2.0
"""Opens an image of any format."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from rocqgen.mmu.images.elf import open_elf
from rocqgen.mmu.images.file import map_file
from rocqgen.mmu.images.format import MAGIC_SIZE, Format, detect
from rocqgen.mmu.images.pages import open_pages
from rocqgen.mmu.images.raw import open_raw

if TYPE_CHECKING:
    from os import PathLike

    from rocqgen.mmu.images.segments import Image


def open_image(path: str | PathLike[str], *, format: Format | None = None) -> Image:  # noqa: A002
    """Open the image at ``path``; its first bytes tell the format unless ``format`` does.

    The image is a `rocqgen.mmu.memory.PhysicalMemory` and a context manager.  Files of many GiB are
    mapped, not loaded.  UserError for what cannot be read, is truncated, or is not what it claims.
    """
    name = os.fspath(path)
    mapping = map_file(name)
    try:
        chosen = format or detect(mapping[:MAGIC_SIZE], name)
        if chosen is Format.ELF:
            return open_elf(mapping, name)
        if chosen is Format.NPZ:
            return open_pages(mapping, name)
        return open_raw(mapping, name, sure=format is not None)
    except BaseException:
        # The error's own frames may still hold arrays over it; then it goes with them.
        with suppress(BufferError):
            mapping.close()
        raise
