# SPDX-License-Identifier: Apache-2.0
"""Keeps the theory library compiled, in the cache, for each toolchain and state of its sources.

A build lies in ``library/<key>``, where the key hashes all sources, the toolchain and the flags, so
what is found there is right. It is made in ``library/<key>.tmp`` under a lock and renamed when all
of it is compiled. An interrupted build goes on where it was, and the first build after a change
takes over what the change does not touch, from the build that has most of it.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.locking import locked
from rocqgen.progress import silent
from rocqgen.resources import theories_dir
from rocqgen.rocq.library_build import FLAGS, compile_all, dependencies
from rocqgen.userdirs import cache_dir, ensure_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rocqgen.progress import Progress
    from rocqgen.rocq.toolchain import Toolchain

LOGICAL_ROOT: Final = "rocqgen"
_LEDGER: Final = "finished.txt"
"""One line ``<file key> <file>.v`` for each compiled file; a .vo without its line may be half."""
_KEPT: Final = 12
"""Builds that stay in the cache, of some 15 MB each; the oldest go first."""


@dataclass(frozen=True)
class Library:
    """The compiled library; ``path`` is the folder of logical name ``rocqgen``."""

    path: Path

    @property
    def coqc_options(self) -> tuple[str, ...]:
        """How coqc, coqtop and coqdep find it."""
        return ("-Q", str(self.path), LOGICAL_ROOT)

    @property
    def sertop_options(self) -> tuple[str, ...]:
        """How sertop finds it."""
        return ("-Q", f"{self.path},{LOGICAL_ROOT}")


def find_library(toolchain: Toolchain) -> Library | None:
    """The compiled library of this toolchain and of the sources as they are, if there is one."""
    path = _root() / _key(read_sources(theories_dir()), toolchain)
    return Library(path) if path.is_dir() else None


def ensure_library(toolchain: Toolchain, progress: Progress = silent) -> Library:
    """Give the compiled library, compiling what is missing.

    Progress counts files. UserError (exit 3) at coqc's position in the source where it does not
    compile; what was compiled stays for the next try.
    """
    folder = theories_dir()
    sources = read_sources(folder)
    if not sources:
        raise UserError(f"no .v file in {folder}", exit_code=ExitCode.INTERNAL)
    final = _root() / _key(sources, toolchain)
    if final.is_dir():
        return Library(final)
    with locked(
        _root() / "lock", lambda: progress("waiting for another build of the library", 0, 0)
    ) as lock:
        if not final.is_dir():
            staging = final.with_suffix(".tmp")
            _build(staging, sources, toolchain, lock, progress)
            staging.rename(final)
            _sweep(final)
    return Library(final)


def read_sources(folder: Path) -> dict[str, bytes]:
    """The .v files below ``folder``: relative path with ``/`` to content, sorted."""
    files = {
        file.relative_to(folder): file
        for file in folder.rglob("*.v")
        if not any(part.startswith((".", "_build")) for part in file.relative_to(folder).parts)
    }
    return {name.as_posix(): files[name].read_bytes() for name in sorted(files)}


def _root() -> Path:
    return cache_dir() / "library"


def _key(sources: Mapping[str, bytes], toolchain: Toolchain) -> str:
    digest = hashlib.sha256(repr((toolchain.version, toolchain.identity, FLAGS)).encode())
    for name, content in sources.items():
        digest.update(f"\n{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:20]


def file_keys(
    sources: Mapping[str, bytes], needs: Mapping[str, frozenset[str]], toolchain: Toolchain
) -> dict[str, str]:
    """A hash per file of all that its .vo depends on. ``needs`` must be without cycles."""
    keys: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in keys:
            parts = [toolchain.version, toolchain.identity, *FLAGS, name]
            parts += [key(needed) for needed in sorted(needs[name])]
            digest = hashlib.sha256("\n".join(parts).encode() + b"\n" + sources[name])
            keys[name] = digest.hexdigest()
        return keys[name]

    for name in sources:
        key(name)
    return keys


def _build(
    staging: Path, sources: Mapping[str, bytes], toolchain: Toolchain, lock: int, progress: Progress
) -> None:
    """Compile ``sources`` in ``staging``; the caller holds the lock."""
    for name, content in sources.items():
        ensure_dir((staging / name).parent)
        (staging / name).write_bytes(content)
    needs = dependencies(toolchain, staging, tuple(sources), LOGICAL_ROOT)
    keys = file_keys(sources, needs, toolchain)
    ledger = staging / _LEDGER
    if not ledger.exists():
        _inherit(staging, keys)
    done = _finished(staging, keys)
    with ledger.open("a", encoding="utf-8") as book:

        def finished(name: str) -> None:
            book.write(f"{keys[name]} {name}\n")
            book.flush()

        compile_all(
            toolchain,
            staging,
            LOGICAL_ROOT,
            needs,
            done=done,
            finished=finished,
            shown_as=theories_dir(),
            lock=lock,
            progress=progress,
        )


def _finished(build: Path, keys: Mapping[str, str]) -> frozenset[str]:
    """The files that ``build`` has compiled from just what ``keys`` say."""
    try:
        lines = (build / _LEDGER).read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    pairs = {tuple(line.split(" ", 1)) for line in lines}
    return frozenset(
        name
        for name, key in keys.items()
        if (key, name) in pairs and (build / name).with_suffix(".vo").is_file()
    )


def _inherit(staging: Path, keys: Mapping[str, str]) -> None:
    """Take over the compiled files that still hold from one other build.

    From one only: a .vo refers to those it was compiled with by their bytes, and two compilations
    of one source differ in theirs.
    """
    donors = [build for build in staging.parent.iterdir() if build.is_dir() and build != staging]
    best = max(donors, key=lambda build: len(_finished(build, keys)), default=None)
    if best is None:
        return
    names = sorted(_finished(best, keys))
    for name in names:
        shutil.copyfile((best / name).with_suffix(".vo"), (staging / name).with_suffix(".vo"))
    lines = [f"{keys[name]} {name}\n" for name in names]
    (staging / _LEDGER).write_text("".join(lines), encoding="utf-8")


def _sweep(newest: Path) -> None:
    """Remove unfinished builds and all but the latest finished ones; the caller holds the lock."""
    builds = [path for path in newest.parent.iterdir() if path.is_dir() and path != newest]
    builds.sort(key=lambda path: (path.suffix != ".tmp", path.stat().st_mtime_ns), reverse=True)
    for build in builds[_KEPT - 1 :] + [path for path in builds if path.suffix == ".tmp"]:
        shutil.rmtree(build, ignore_errors=True)
