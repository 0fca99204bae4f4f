# SPDX-License-Identifier: Apache-2.0
"""Checks a prover by using it: the one way to know that it can do what rocqgen needs."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.rocq.toolchain.model import MINIMUM_VERSION, parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS: Final = 120
"""Loading Iris takes one or two; a cold disk or a busy machine takes more."""

_NEEDED: Final = (
    ("stdpp with stdpp.bitvector", "From stdpp.bitvector Require Import bitvector."),
    ("Iris", "From iris.proofmode Require Import proofmode."),
)


class Unusable(Exception):  # noqa: N818 - says what it is; the message is one clause for the user
    """Why a prover will not do."""


def _run(
    command: Sequence[str | Path], env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=env,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise Unusable(f"{command[0]} does not start: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"{command[0]} did not answer within {_SECONDS} seconds") from error


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def check_version(coqc: Path, env: Mapping[str, str]) -> str:
    """Coq's version; Unusable if it is older than 8.20 or does not tell."""
    answer = _run([coqc, "--print-version"], env)
    version = parse_version(answer.stdout)
    if answer.returncode != 0 or version is None:
        raise Unusable(f"{coqc} does not tell its version: {_last_line(answer.stderr)}")
    text = ".".join(map(str, version))
    if version < MINIMUM_VERSION:
        raise Unusable(f"{coqc} is Coq {text}, older than {'.'.join(map(str, MINIMUM_VERSION))}")
    return text


def check_libraries(coqc: Path, env: Mapping[str, str]) -> None:
    """Compile one import after the other; Unusable names the first library that fails."""
    with tempfile.TemporaryDirectory(prefix="rocqgen-probe-") as folder:
        for name, sentence in _NEEDED:
            file = Path(folder, "probe.v")
            file.write_text(sentence + "\n", encoding="utf-8")
            answer = _run([coqc, "-q", file], env)
            if answer.returncode != 0:
                raise Unusable(f"{coqc} cannot load {name}: {_last_line(answer.stderr)}")


def check_sertop(sertop: Path, env: Mapping[str, str]) -> None:
    """Load Iris in a session; Unusable if sertop fails or belongs to another Coq."""
    answer = _run([sertop, "--version"], env)
    if answer.returncode != 0:
        raise Unusable(f"{sertop} does not work: {_last_line(answer.stderr)}")
    sentence = _NEEDED[-1][1]
    session = f'(Add () "{sentence}")\n(Exec 2)\n(Quit)\n'
    answer = _run([sertop, "--printer=sertop"], env, session)
    if answer.returncode != 0 or "CoqExn" in answer.stdout or "Completed" not in answer.stdout:
        raise Unusable(f"{sertop} cannot load Iris, so it belongs to another Coq than coqc")


def check(coqc: Path, sertop: Path, env: Mapping[str, str]) -> str:
    """Do all checks, cheapest first; Coq's version, or Unusable. Takes a few seconds."""
    version = check_version(coqc, env)
    check_libraries(coqc, env)
    check_sertop(sertop, env)
    return version
