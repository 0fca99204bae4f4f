# SPDX-License-Identifier: Apache-2.0
"""The library's compilation, and ``rocqgen prove examples/`` from end to end."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.resources import theories_dir
from rocqgen.rocq.library import ensure_library, read_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.rocq.toolchain import Toolchain

EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True, slots=True)
class LibraryBuild:
    """The library compiled from nothing, one coqc per processor."""

    files: int
    lines: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    """Of the largest coqc."""


def build_library(toolchain: Toolchain) -> LibraryBuild:
    """Compile the library in a cache directory of its own, which is removed again."""
    sources = read_sources(theories_dir())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="rocqgen-bench-") as folder, _cache(folder):
        began = time.monotonic()
        ensure_library(toolchain)
        seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = sum(content.count(b"\n") for content in sources.values())
    return LibraryBuild(len(sources), lines, seconds, used, after.ru_maxrss * 1024 / 1e6)


@contextmanager
def _cache(folder: str) -> Iterator[None]:
    """Let rocqgen keep what it makes in ``folder``."""
    known = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = folder
    try:
        yield
    finally:
        if known is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = known


@dataclass(frozen=True, slots=True)
class Prove:
    """One run of ``rocqgen prove examples/``; ``good`` outcomes are as they should be."""

    name: str
    seconds: float
    theorems: int
    good: int
    code: int
    problem: str = ""


def prove_examples() -> tuple[Prove, Prove]:
    """Check everything anew, then once more with the outcomes known."""
    return _prove("cold", "--no-cache"), _prove("warm")


def _prove(name: str, *options: str) -> Prove:
    with tempfile.TemporaryDirectory(prefix="rocqgen-bench-") as folder:
        document = Path(folder) / "outcomes.json"
        command = [sys.executable, "-m", "rocqgen", "prove", str(EXAMPLES), "--json", str(document)]
        began = time.monotonic()
        answer = subprocess.run(
            [*command, *options],
            cwd=EXAMPLES.parent,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        seconds = time.monotonic() - began
        try:
            outcomes = json.loads(document.read_text(encoding="utf-8"))["outcomes"]
        except (OSError, ValueError, KeyError):
            last = (answer.stderr.strip() or "no outcomes were written").splitlines()[-1]
            return Prove(name, seconds, 0, 0, answer.returncode, last)
    good = sum(bool(one["good"]) for one in outcomes)
    return Prove(name, seconds, len(outcomes), good, answer.returncode)
