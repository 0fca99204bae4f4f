# SPDX-License-Identifier: Apache-2.0
"""The outcomes of all runs, one line of JSON each, in the user's cache directory.

A line is written as soon as its theorem is done, under a lock and in one go, so that neither an
interrupt, nor a crash, nor a second run at the same time loses or mixes any.  The cache of verdicts
is read from the same lines.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.prove.outcome import Outcome, Status
from rocqgen.userdirs import cache_dir, ensure_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REUSABLE = frozenset({Status.PROVED, Status.FAILED, Status.ADMITTED})
"""Verdicts on the theory.  The others tell about the machine, on another day perhaps not."""


class Store:
    """The file of outcomes; made with the first line that is written."""

    def __init__(self, path: Path | None = None) -> None:
        """Use ``path``, by default ``outcomes.jsonl`` in the cache directory."""
        self.path = path or cache_dir() / "outcomes.jsonl"

    def append(self, outcome: Outcome) -> None:
        """Add a line; UserError (exit 3) where the file cannot be written."""
        line = json.dumps(outcome.to_json(), ensure_ascii=False).encode() + b"\n"
        ensure_dir(self.path.parent)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                size = os.fstat(descriptor).st_size
                # A process that was killed, or a full disk, may have left half a line.
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line
                view = memoryview(line)
                while view:
                    view = view[os.write(descriptor, view) :]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(
                f"cannot write the outcome to {self.path}: {error.strerror or error}",
                hint="export XDG_CACHE_HOME=/a/directory/that/you/may/write",
                exit_code=ExitCode.INTERNAL,
            ) from error

    def __iter__(self) -> Iterator[Outcome]:
        """All outcomes, oldest first; lines that cannot be read are passed over."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(
                f"cannot read {self.path}: {error.strerror or error}", exit_code=ExitCode.INTERNAL
            ) from error
        for line in lines:
            try:
                yield Outcome.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue

    def known(self) -> dict[str, Outcome]:
        """The verdicts that still hold wherever their key is met again."""
        return {one.key: one for one in self if one.key and one.status in REUSABLE}

    def checks(self) -> dict[str, dict[str, Any]]:
        """What the pre-check said, by the keys of these answers, where nothing is wrong or the
        fragment is a wrong twin: other failures are looked for anew, and what is not known, too."""
        return {
            one.check["key"]: one.check
            for one in self
            if one.check is not None
            and "key" in one.check
            and one.check.get("verdict") in {"ok", "counterexample", "fault"}
            and (one.expect is not None or one.check["verdict"] == "ok")
        }

    def latest(self) -> list[Outcome]:
        """The last outcome of each theorem of each source, in the order in which they came."""
        last: dict[tuple[str, str], Outcome] = {}
        for one in self:
            last.pop((one.path, one.theorem), None)
            last[one.path, one.theorem] = one
        return list(last.values())
