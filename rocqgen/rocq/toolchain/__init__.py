# SPDX-License-Identifier: Apache-2.0
"""Finds a prover that rocqgen can drive, or makes one in the user's cache directory."""

from __future__ import annotations

from rocqgen.rocq.toolchain.find import (
    Finding,
    find_toolchain,
    how_to_install,
    require_toolchain,
    toolchain_on_path,
)
from rocqgen.rocq.toolchain.install import DEFAULT_SUITE, install_toolchain
from rocqgen.rocq.toolchain.model import Toolchain
from rocqgen.rocq.toolchain.private import installed_toolchains

__all__ = [
    "DEFAULT_SUITE",
    "Finding",
    "Toolchain",
    "find_toolchain",
    "how_to_install",
    "install_toolchain",
    "installed_toolchains",
    "require_toolchain",
    "toolchain_on_path",
]
