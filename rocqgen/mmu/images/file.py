# SPDX-License-Identifier: Apache-2.0
"""Maps a file into memory to be read, or says in a sentence why it cannot be."""

from __future__ import annotations

import mmap
import os
import stat
from typing import TYPE_CHECKING

from rocqgen.errors import UserError

if TYPE_CHECKING:
    from os import PathLike

_EXPECTED = "an image of physical memory: raw, sparse pages (.npz) or an ELF core"


def map_file(path: str | PathLike[str]) -> mmap.mmap:
    """The bytes of the file at ``path``, read only as they are touched.

    UserError for what is not there, is no file or is empty.
    """
    name = os.fspath(path)
    if "\0" in name:
        raise UserError("the name of a file has no zero byte", expected=_EXPECTED)
    try:
        # O_NONBLOCK: a named pipe that nobody writes to would keep us waiting for ever.
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(name, error) from error
    try:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise UserError("this is a folder", file=name, expected=_EXPECTED)
        if not stat.S_ISREG(about.st_mode):
            raise UserError("this is a device or a pipe, not a file", file=name, expected=_EXPECTED)
        if about.st_size == 0:
            raise UserError("the file is empty", file=name, expected=_EXPECTED)
        return mmap.mmap(descriptor, about.st_size, access=mmap.ACCESS_READ)
    except (OSError, ValueError, OverflowError) as error:
        raise _unreadable(name, error) from error
    finally:
        os.close(descriptor)


def _unreadable(name: str, error: Exception) -> UserError:
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return UserError(f"cannot read the image: {why}", file=name, expected=_EXPECTED)
