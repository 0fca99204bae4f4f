# SPDX-License-Identifier: Apache-2.0
"""What tests of all kinds share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from rocqgen.rocq.library import ensure_library
from rocqgen.rocq.toolchain import find_toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

# A run in the background of a script ignores SIGINT, and so would every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory of the test's own; ``rocqgen/`` in it is not made yet."""
    home = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home / "rocqgen"


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The prover of this machine; a test that needs one is skipped where there is none."""
    found = find_toolchain()
    if found is None:
        pytest.skip("no usable prover; write: rocqgen toolchain install")
    return found


@pytest.fixture(scope="session")
def library(toolchain: Toolchain) -> Library:
    """The compiled theory library."""
    return ensure_library(toolchain)
