# SPDX-License-Identifier: Apache-2.0
"""Where rocqgen keeps what it can make again: the user's cache directory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode


def cache_dir() -> Path:
    """Give ``$XDG_CACHE_HOME/rocqgen``, or ``~/.cache/rocqgen``; it need not exist yet.

    A relative XDG_CACHE_HOME is ignored, as the XDG base directory specification asks.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "rocqgen"
    try:
        home = Path.home()
    except RuntimeError as error:
        raise UserError(
            "no home directory is known, so there is no place for the cache",
            hint="export XDG_CACHE_HOME=/a/directory/that/you/may/write",
            exit_code=ExitCode.INTERNAL,
        ) from error
    return home / ".cache" / "rocqgen"


def ensure_dir(path: Path) -> Path:
    """Make ``path`` and its parents; UserError (exit 3) where that is not permitted."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the directory {path}: {error.strerror or error}",
            hint="export XDG_CACHE_HOME=/a/directory/that/you/may/write",
            exit_code=ExitCode.INTERNAL,
        ) from error
    return path


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old content or all of the new."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        temporary = Path(file.name)
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
