# SPDX-License-Identifier: Apache-2.0
"""Executes decoded instructions on a concrete state; every access goes through a translation."""

from __future__ import annotations

from rocqgen.cpu.execute import execute
from rocqgen.cpu.outcome import (
    OK,
    Access,
    Accessed,
    Fault,
    GeneralProtection,
    Ok,
    Outcome,
    PageFault,
    Stuck,
    Translate,
    Unmodelled,
)
from rocqgen.cpu.state import (
    KERNEL,
    CodeImage,
    Config,
    Flags,
    Leaf,
    Memory,
    State,
    TlbEntry,
)
from rocqgen.cpu.step import fetch, step

__all__ = [
    "KERNEL",
    "OK",
    "Access",
    "Accessed",
    "CodeImage",
    "Config",
    "Fault",
    "Flags",
    "GeneralProtection",
    "Leaf",
    "Memory",
    "Ok",
    "Outcome",
    "PageFault",
    "State",
    "Stuck",
    "TlbEntry",
    "Translate",
    "Unmodelled",
    "execute",
    "fetch",
    "step",
]
