# SPDX-License-Identifier: Apache-2.0
"""Remembers that a prover on PATH passed its checks, as long as nothing of it changes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.rocq.toolchain.model import Toolchain
from rocqgen.userdirs import cache_dir, ensure_dir, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

_VARIABLES: Final = ("COQLIB", "COQCORELIB", "COQPATH", "OCAMLPATH", "OCAMLFIND_CONF")
"""What in the environment changes what a Coq on PATH loads."""

_LIBRARY_FILES: Final = ("stdpp/bitvector/bitvector.vo", "iris/proofmode/proofmode.vo")


def remember(coqc: Path, sertop: Path, version: str) -> Toolchain:
    """Note that these programs work, and give their toolchain."""
    libraries = _library_files(coqc)
    identity = _fingerprint((coqc, sertop, *libraries))
    entry = {
        "coqc": str(coqc),
        "sertop": str(sertop),
        "version": version,
        "libraries": [str(file) for file in libraries],
        "identity": identity,
    }
    ensure_dir(cache_dir())
    write_atomically(_file(), json.dumps(entry, indent=1) + "\n")
    return Toolchain("path", version, coqc, sertop, identity)


def recall(coqc: Path, sertop: Path) -> Toolchain | None:
    """The toolchain of these programs if they are remembered and unchanged."""
    try:
        entry = json.loads(_file().read_text(encoding="utf-8"))
        if (entry["coqc"], entry["sertop"]) != (str(coqc), str(sertop)):
            return None
        libraries = [Path(file) for file in entry["libraries"]]
        version, identity = str(entry["version"]), str(entry["identity"])
        if _fingerprint((coqc, sertop, *libraries)) != identity:
            return None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Toolchain("path", version, coqc, sertop, identity)


def _file() -> Path:
    return cache_dir() / "prover-on-path.json"


def _library_files(coqc: Path) -> tuple[Path, ...]:
    """The compiled files that stand for stdpp and Iris, where they lie in the usual place."""
    where = subprocess.run([coqc, "-where"], capture_output=True, encoding="utf-8", check=False)
    root = Path(where.stdout.strip(), "user-contrib")
    return tuple(root / name for name in _LIBRARY_FILES if (root / name).is_file())


def _fingerprint(files: Sequence[Path]) -> str:
    """Name a toolchain by its files' paths, sizes and times, and by the environment."""
    said: list[object] = [os.environ.get(name) for name in _VARIABLES]
    for file in files:
        status = file.stat()
        said.append((str(file), str(file.resolve()), status.st_size, status.st_mtime_ns))
    return "path-" + hashlib.sha256(repr(said).encode()).hexdigest()[:16]
