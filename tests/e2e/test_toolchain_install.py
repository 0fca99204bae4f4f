# SPDX-License-Identifier: Apache-2.0
"""A real installation: killed while it unpacks, taken up by two at once, with one result.

It needs apt, a reachable mirror, and the package files that an installation into the user's own
cache left, so that 260 MB are not downloaded for a test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rocqgen.rocq.toolchain import installed_toolchains
from rocqgen.userdirs import cache_dir

SYSTEM_PATH = "/usr/bin:/bin"
KEPT = cache_dir() / "toolchains" / "apt"

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("apt-get") and list(KEPT.glob("archives/coq_*.deb"))),
        reason="no apt, or no package files of an earlier installation",
    ),
    pytest.mark.skipif(
        shutil.which("coqc", path=SYSTEM_PATH) is not None,
        reason="a prover of the system's own is preferred to any installation",
    ),
]


def start(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rocqgen", "toolchain", *arguments],
        # Without a prover that may be on the tester's own PATH.
        env={**os.environ, "XDG_CACHE_HOME": str(cache.parent), "PATH": SYSTEM_PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_unpacking(process: subprocess.Popen[str], toolchains: Path) -> None:
    """Wait until ``process`` unpacks in a folder that was not there before."""
    before = set(toolchains.glob("unpacking-*"))
    deadline = time.monotonic() + 300
    while not [new for new in set(toolchains.glob("unpacking-*")) - before if list(new.iterdir())]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_resumed_and_concurrent(cache: Path) -> None:
    toolchains = cache / "toolchains"
    shutil.copytree(KEPT / "archives", toolchains / "apt" / "archives")

    with start(cache, "install", "--force") as killed:
        wait_for_unpacking(killed, toolchains)
        killed.kill()
    assert list(toolchains.glob("unpacking-*"))
    assert list(installed_toolchains()) == []

    with start(cache, "install", "--force") as one:
        wait_for_unpacking(one, toolchains)
        assert list(installed_toolchains()) == [], "what is at work is not found"
        with start(cache, "install") as two:
            said = [process.communicate() for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
    assert "waiting for another installation" in said[1][1]
    (made,) = installed_toolchains()
    assert [out for out, _ in said] == [f"installed Coq {made.version} in {made.coqc.parent}\n"] * 2
    assert made.coqc.is_relative_to(toolchains)
    assert not list(toolchains.glob("unpacking-*"))

    with start(cache, "exec", "--", str(made.coqc), "--print-version") as used:
        assert used.communicate()[0].startswith(made.version)
