# SPDX-License-Identifier: Apache-2.0
"""Chooses the prover to use: a good one on PATH before the private one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain import memory, probe
from rocqgen.rocq.toolchain.model import OPAM_INSTRUCTIONS, Toolchain
from rocqgen.rocq.toolchain.private import installed_toolchains
from rocqgen.userdirs import cache_dir


@dataclass(frozen=True)
class Finding:
    """What a place holds: a toolchain, or the reason why there is none, as one clause."""

    toolchain: Toolchain | None
    problem: str = ""


def toolchain_on_path() -> Finding:
    """Check the coqc and sertop on PATH by using them.

    A success is remembered until a program, a library or the environment changes; a failure never
    is, so that what the user mends counts at once.
    """
    coqc, sertop = shutil.which("coqc"), shutil.which("sertop")
    if coqc is None:
        return Finding(None, "coqc is not on PATH")
    if sertop is None:
        # The more telling complaint of an old Coq is its age.
        try:
            probe.check_version(Path(coqc), os.environ)
        except probe.Unusable as reason:
            return Finding(None, str(reason))
        return Finding(None, f"sertop (coq-serapi) is not on PATH, though {coqc} is")
    known = memory.recall(Path(coqc), Path(sertop))
    if known is not None:
        return Finding(known)
    try:
        version = probe.check(Path(coqc), Path(sertop), os.environ)
    except probe.Unusable as reason:
        return Finding(None, str(reason))
    return Finding(memory.remember(Path(coqc), Path(sertop), version))


def find_toolchain() -> Toolchain | None:
    """The toolchain to use, if there is one: from PATH, else the newest private one."""
    return toolchain_on_path().toolchain or next(installed_toolchains(), None)


def require_toolchain() -> Toolchain:
    """The toolchain to use; UserError (exit 3) that says how to get one."""
    on_path = toolchain_on_path()
    toolchain = on_path.toolchain or next(installed_toolchains(), None)
    if toolchain is None:
        raise UserError(
            f"no usable Rocq prover: {on_path.problem}, and none is installed in {cache_dir()}",
            expected="Coq 8.20 or newer with sertop, stdpp with stdpp.bitvector, and Iris",
            hint=how_to_install(),
            exit_code=ExitCode.INTERNAL,
        )
    return toolchain


def how_to_install() -> str:
    """What to type to get a toolchain on this machine."""
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return "rocqgen toolchain install"
    return OPAM_INSTRUCTIONS
