# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from rocqgen.locking import locked


def test_the_second_waits_until_the_first_is_done(tmp_path: Path) -> None:
    said: list[str] = []
    inside = threading.Event()
    leave = threading.Event()

    def first() -> None:
        with locked(tmp_path / "lock"):
            inside.set()
            leave.wait()
            said.append("first")

    def waiting() -> None:
        said.append("waiting")
        leave.set()

    holder = threading.Thread(target=first)
    holder.start()
    inside.wait()
    with locked(tmp_path / "lock", waiting):
        said.append("second")
    holder.join()
    assert said == ["waiting", "first", "second"]


def test_nobody_waits_for_a_free_lock(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with locked(tmp_path / "not" / "there" / "lock", lambda: said.append("waiting")):
            pass
    assert said == []


def test_an_orphan_keeps_the_lock_of_its_killed_parent(tmp_path: Path) -> None:
    """A parent takes the lock, hands it to a child and is killed; the child still holds it."""
    parent = """
import pathlib, subprocess, sys
from rocqgen.locking import locked
with locked(pathlib.Path(sys.argv[1])) as lock:
    child = subprocess.Popen(["cat"], stdin=0, stdout=subprocess.DEVNULL, pass_fds=(lock,))
    print(child.pid, flush=True)
    child.wait()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", parent, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    said: list[str] = []

    def waiting() -> None:
        said.append("waiting")
        assert process.stdin is not None
        process.stdin.close()  # the orphaned cat reads the end of its input and ends

    with locked(tmp_path / "lock", waiting):
        pass
    process.stdout.close()
    assert said == ["waiting"]
