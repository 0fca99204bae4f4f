# SPDX-License-Identifier: Apache-2.0
"""Makes a private toolchain from the machine's own Debian mirror, without root rights.

Everything lies under ``toolchains/`` in the cache: ``apt/`` (lists and package files, kept, so that
an interrupted or repeated installation downloads nothing twice), ``coq-<version>-<hash>/`` (a
prefix, complete when it holds its marker), ``unpacking-*`` (at work, or left by a killed process
and removed by the next), and ``lock``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.locking import locked
from rocqgen.progress import silent
from rocqgen.rocq.toolchain import probe
from rocqgen.rocq.toolchain.apt import (
    Package,
    PrivateApt,
    find_keyring,
    machine_mirrors,
    require_apt,
)
from rocqgen.rocq.toolchain.private import (
    environment,
    mark_complete,
    ocaml_dir,
    open_toolchain,
    toolchains_dir,
)
from rocqgen.rocq.toolchain.unpack import relocate, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.progress import Progress
    from rocqgen.rocq.toolchain.model import Toolchain

DEFAULT_SUITE: Final = "trixie"
"""Debian's stable release with Coq 8.20, the last that SerAPI serves."""

PACKAGES: Final = (
    # Coq, its standard library, stdpp and Iris
    "coq", "libcoq-core-ocaml", "libcoq-stdlib", "libcoq-stdpp", "libcoq-iris",
    # SerAPI and what it loads at run time
    "coq-serapi", "libcoq-serapi-ocaml", "libcoq-serapi-ocaml-dev",
    "libbase-ocaml", "libocaml-intrinsics-kernel-ocaml", "libparsexp-ocaml",
    "libppx-compare-ocaml", "libppx-deriving-ocaml", "libppx-deriving-yojson-ocaml-dev",
    "libppx-hash-ocaml", "libppx-sexp-conv-ocaml", "libsexplib-ocaml", "libsexplib0-ocaml",
    "libyojson-ocaml", "libzarith-ocaml",
    # OCaml's own libraries, and findlib, by which Coq finds its plugins
    "libcompiler-libs-ocaml-dev", "libfindlib-ocaml", "libstdlib-ocaml", "libstdlib-ocaml-dev",
    "ocaml-base", "ocaml-findlib",
    # the C libraries that these were linked with, as the machine's own may be older
    "libc6", "libgcc-s1", "libgmp10", "libzstd1",
)  # fmt: skip

_ROOM: Final = 1_300_000_000
"""Bytes: about 260 MB of packages and 880 MB unpacked."""


def install_toolchain(
    *,
    mirror: str | None = None,
    suite: str = DEFAULT_SUITE,
    keyring: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Toolchain:
    """Make a private toolchain, or give the one that is already complete.

    ``mirror`` is a Debian mirror's URI (default: those of the machine's apt, in order), ``keyring``
    what its lists must be signed with (default: Debian's archive keyring). With ``force`` it is
    unpacked anew. Raises UserError (exit 3) with what to do where it cannot be done; what was
    downloaded stays for the next try.
    """
    require_apt()
    signed_by = find_keyring(keyring)
    root = toolchains_dir()
    with locked(
        root / "lock", lambda: progress("waiting for another installation to end", 0, 0)
    ) as lock:
        _sweep(root)
        _check_room(root)
        progress("reading the package lists", 0, 0)
        apt, packages = _prepare(root, mirror, suite, signed_by, lock)
        final = root / _name(packages)
        ready = open_toolchain(final)
        if ready is not None and not force:
            return ready
        apt.download(PACKAGES, packages, progress)
        staging = Path(tempfile.mkdtemp(prefix="unpacking-", dir=root))
        try:
            unpack([apt.archives / package.file for package in packages], staging, progress)
            relocate(staging, final, progress)
            return _commit(staging, final, progress)
        finally:
            _sweep(root)


def _prepare(
    root: Path, mirror: str | None, suite: str, keyring: Path, lock: int
) -> tuple[PrivateApt, list[Package]]:
    """An apt with fresh lists from the first mirror that answers, and what it would download."""
    mirrors = [mirror] if mirror is not None else machine_mirrors()
    if not mirrors:
        raise UserError(
            "this machine's apt knows no Debian mirror",
            expected="a source of a Debian release with the component main, or a mirror's URI",
            hint="rocqgen toolchain install --mirror URI",
            exit_code=ExitCode.INTERNAL,
        )
    for attempt, uri in enumerate(mirrors, start=1):
        apt = PrivateApt(root / "apt", mirror=uri, suite=suite, keyring=keyring, lock=lock)
        try:
            apt.update()
            return apt, apt.resolve(PACKAGES)
        except UserError:
            if attempt == len(mirrors):
                raise
    raise AssertionError("unreachable: there is at least one mirror")


def _commit(staging: Path, final: Path, progress: Progress) -> Toolchain:
    """Move a finished prefix to its place, check it by using it, and mark it complete.

    The check comes after the move because the programs hold absolute paths; without its marker
    nobody takes the prefix for a toolchain.
    """
    progress("checking the prover", 0, 0)
    staging.chmod(0o755)
    if final.exists():
        final.rename(Path(tempfile.mkdtemp(prefix="unpacking-", dir=final.parent)))
    staging.rename(final)
    ocaml = ocaml_dir(final)
    if ocaml is None:
        raise AssertionError("relocate has found it before")
    env = {**os.environ, **environment(final, ocaml)}
    try:
        version = probe.check(final / "usr/bin/coqc", final / "usr/bin/sertop", env)
    except probe.Unusable as reason:
        raise UserError(
            f"the toolchain was unpacked but does not work: {reason}",
            hint="rocqgen toolchain install --force",
            exit_code=ExitCode.INTERNAL,
        ) from reason
    mark_complete(final, version)
    toolchain = open_toolchain(final)
    if toolchain is None:
        raise AssertionError("a toolchain that was just marked complete is complete")
    return toolchain


def _name(packages: Sequence[Package]) -> str:
    """``coq-<version>-<hash of all package files>``: another set of packages, another place."""
    coq = next(package.file for package in packages if package.file.startswith("coq_"))
    version = coq.split("_")[1].partition("+")[0].partition("-")[0]
    digest = hashlib.sha256("\n".join(package.sha256 for package in packages).encode())
    return f"coq-{version}-{digest.hexdigest()[:12]}"


def _sweep(root: Path) -> None:
    """Remove what this or a killed installation left; the caller holds the lock."""
    for leftover in root.glob("unpacking-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _check_room(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < _ROOM:
        raise UserError(
            f"{root} has {free // 1_000_000} MB left, too little for a toolchain",
            expected=f"{_ROOM // 1_000_000} MB",
            hint="export XDG_CACHE_HOME=/a/directory/with/more/room",
            exit_code=ExitCode.INTERNAL,
        )
