# SPDX-License-Identifier: Apache-2.0
"""The layout of a toolchain in the cache, and the marker that says it is complete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.rocq.toolchain.model import Toolchain
from rocqgen.userdirs import cache_dir, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKER: Final = "rocqgen-toolchain.json"
FINDLIB_CONF: Final = "findlib.conf"


def toolchains_dir() -> Path:
    """The folder that holds the private toolchains, what they were made from, and the lock."""
    return cache_dir() / "toolchains"


def ocaml_dir(prefix: Path) -> Path | None:
    """``usr/lib/<triplet>/ocaml/<version>`` of an unpacked toolchain; None if there is no Coq."""
    found = sorted(prefix.glob("usr/lib/*/ocaml/*/coq-core"))
    return found[0].parent if len(found) == 1 else None


def environment(prefix: Path, ocaml: Path) -> dict[str, str]:
    """The variables that make the programs under ``prefix`` find each other.

    Debian builds them for ``/usr``; everything they look up has a variable that overrides it.
    """
    path = os.environ.get("PATH", os.defpath)
    return {
        "PATH": f"{prefix / 'usr/bin'}{os.pathsep}{path}",
        "OCAMLPATH": str(ocaml),
        "OCAMLFIND_CONF": str(prefix / FINDLIB_CONF),
        "COQLIB": str(ocaml / "coq"),
        "COQCORELIB": str(ocaml / "coq-core"),
    }


def mark_complete(prefix: Path, version: str) -> None:
    """Write the marker, the last act of an installation."""
    content = {"version": version, "prefix": str(prefix)}
    write_atomically(prefix / _MARKER, json.dumps(content) + "\n")


def open_toolchain(prefix: Path) -> Toolchain | None:
    """The toolchain at ``prefix``; None unless it was completed at this very place.

    The programs hold absolute paths to their loader and libraries: a copy or a moved cache
    directory is as good as none, and is made anew.
    """
    try:
        marker = json.loads((prefix / _MARKER).read_text())
        version, home = marker["version"], marker["prefix"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    ocaml = ocaml_dir(prefix)
    coqc, sertop = prefix / "usr/bin/coqc", prefix / "usr/bin/sertop"
    complete = ocaml is not None and coqc.is_file() and sertop.is_file()
    if not isinstance(version, str) or home != str(prefix) or ocaml is None or not complete:
        return None
    return Toolchain("cache", version, coqc, sertop, prefix.name, environment(prefix, ocaml))


def installed_toolchains() -> Iterator[Toolchain]:
    """All complete private toolchains, the newest first."""
    try:
        prefixes = [path for path in toolchains_dir().iterdir() if path.name.startswith("coq-")]
        prefixes.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    except OSError:
        return
    for prefix in prefixes:
        toolchain = open_toolchain(prefix)
        if toolchain is not None:
            yield toolchain
