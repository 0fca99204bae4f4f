# SPDX-License-Identifier: Apache-2.0
"""Finds ``templates/`` and ``theories/``, which ship with the package.

In a wheel they lie inside the package, under ``rocqgen/_data``; in a source checkout, and so in an
editable install, they stand beside it.
"""

from __future__ import annotations

from pathlib import Path

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    shipped = _PACKAGE / "_data" / name
    if shipped.is_dir():
        return shipped
    checkout = _PACKAGE.parent
    # The pyproject.toml tells a checkout from a site-packages that happens to hold such a folder.
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise UserError(
        f"this installation of rocqgen lacks its folder {name!r}",
        expected=f"{shipped}, or {name}/ beside the package in a source checkout",
        hint="pip install --force-reinstall rocqgen",
        exit_code=ExitCode.INTERNAL,
    )


def templates_dir() -> Path:
    """The folder of Jinja2 templates."""
    return _folder("templates")


def theories_dir() -> Path:
    """The folder of the hand-written Rocq library, logical root ``rocqgen``."""
    return _folder("theories")
