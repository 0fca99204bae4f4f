# SPDX-License-Identifier: Apache-2.0
"""Compiles a folder of theories with coqc, several at once, in the order of their imports."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import IO, TYPE_CHECKING, Final

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rocqgen.progress import Progress
    from rocqgen.rocq.toolchain import Toolchain

FLAGS: Final = ("-q", "-w", "-notation-overridden")
"""For coqc: no user's configuration file; Iris and stdpp redefine notations on purpose."""

_COMPLAINT: Final = re.compile(
    r'^File "(?P<file>[^"\n]*)", line (?P<line>\d+), characters (?P<column>\d+)-\d+:\n'
    r"Error:\s*(?P<message>.*)",
    re.MULTILINE | re.DOTALL,
)


def parse_coqdep(text: str, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """What each of the .v files ``names`` imports of the others, from coqdep's make rules."""
    compiled = {name.removesuffix(".v") + ".vo": name for name in names}
    needs: dict[str, frozenset[str]] = {name: frozenset() for name in names}
    for line in text.replace("\\\n", " ").splitlines():
        targets, _, prerequisites = line.partition(":")
        made = [compiled[word] for word in map(_plain, targets.split()) if word in compiled]
        used = map(_plain, prerequisites.split())
        needed = frozenset(compiled[word] for word in used if word in compiled)
        for name in made:
            needs[name] |= needed
    return needs


def _plain(path: str) -> str:
    return path.removeprefix("./")


def dependencies(
    toolchain: Toolchain, folder: Path, names: Sequence[str], root: str
) -> dict[str, frozenset[str]]:
    """Ask coqdep which of ``names`` (relative to ``folder``, named ``root``) imports which."""
    answer = subprocess.run(
        [toolchain.program("coqdep"), "-Q", ".", root, *names],
        cwd=folder,
        env=toolchain.environ(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if answer.returncode != 0:
        raise UserError(f"coqdep failed: {answer.stderr.strip()}", exit_code=ExitCode.INTERNAL)
    needs = parse_coqdep(answer.stdout, names)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UserError(
            f"theories import each other: {circle}", exit_code=ExitCode.INTERNAL
        ) from error
    return needs


@dataclass(frozen=True)
class _Running:
    """One coqc at work, with the file that collects its output."""

    name: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]


def compile_all(
    toolchain: Toolchain,
    folder: Path,
    root: str,
    needs: Mapping[str, frozenset[str]],
    *,
    done: frozenset[str],
    finished: Callable[[str], None],
    shown_as: Path,
    lock: int,
    progress: Progress,
) -> None:
    """Compile the files of ``needs`` in ``folder`` except those ``done``, one coqc per processor.

    ``finished`` is told each file when its .vo is complete. The first error ends the other coqc
    and is raised as UserError (exit 3) at its position in the folder ``shown_as``. Each coqc
    inherits the descriptor ``lock``, so that one orphaned by a killed build keeps the next one out.
    """
    order = TopologicalSorter(needs)
    order.prepare()
    waiting: list[str] = []
    running: list[_Running] = []
    count = 0
    try:
        while order.is_active():
            waiting += sorted(order.get_ready())
            for name in [name for name in waiting if name in done]:
                waiting.remove(name)
                order.done(name)
                count += 1
            while waiting and len(running) < (os.cpu_count() or 1):
                running.append(_start(toolchain, folder, root, waiting.pop(0), lock))
            progress("compiling the theory library", count, len(needs))
            ended = [job for job in running if job.process.poll() is not None]
            for job in ended:
                running.remove(job)
                _judge(job, shown_as)
                finished(job.name)
                order.done(job.name)
                count += 1
            if running and not ended:
                time.sleep(0.02)
        progress("compiling the theory library", count, len(needs))
    finally:
        for job in running:
            job.process.kill()
        for job in running:
            job.process.wait()
            job.output.close()


def _start(toolchain: Toolchain, folder: Path, root: str, name: str, lock: int) -> _Running:
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the job is judged or ended
    process = subprocess.Popen(
        [toolchain.coqc, *FLAGS, "-Q", ".", root, name],
        cwd=folder,
        env=toolchain.environ(),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),
    )
    return _Running(name, process, output)


def _judge(job: _Running, shown_as: Path) -> None:
    """Raise UserError if the coqc that has ended did not succeed."""
    with job.output:
        job.output.seek(0)
        text = job.output.read().decode("utf-8", "replace")
    code = job.process.returncode
    if code != 0:
        raise compile_error(code, text, shown_as / job.name)


def compile_error(code: int, text: str, source: Path) -> UserError:
    """What coqc's exit ``code`` and output say about ``source``."""
    if code < 0:
        return UserError(
            f"coqc was killed (signal {-code}), perhaps for want of memory",
            file=source,
            exit_code=ExitCode.INTERNAL,
        )
    found = _COMPLAINT.search(text)
    if found is None:
        return UserError(
            f"coqc failed: {text.strip() or 'it gave no message'}",
            file=source,
            exit_code=ExitCode.INTERNAL,
        )
    return UserError(
        "coqc: " + found["message"].strip(),
        file=source,
        line=int(found["line"]),
        column=int(found["column"]) + 1,
        exit_code=ExitCode.INTERNAL,
    )
