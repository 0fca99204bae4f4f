# SPDX-License-Identifier: Apache-2.0
"""Runs GNU as: a source file goes in, an ELF object with a line table comes out."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from rocqgen.errors import UserError

TIMEOUT = 60
"""Seconds after which the assembler is ended: `.rept` can make a short file endless."""

_MESSAGE = re.compile(
    r"(?P<file>.+?):(?P<line>\d+): (?:Fatal error|Error|Internal error): (?P<text>.*)"
)
_GENERAL = re.compile(r"(?:.*: )?(?:Fatal error|Error): (?P<text>.*)")


def assemble(path: str) -> bytes:
    """The ELF object for the file at `path`.

    `-g` gives the line table, `-L` keeps `.L` labels; the file's own folder is searched for
    `.include`.  Where `as` is missing, does not end or refuses the file, that is a `UserError`: its
    first message, at the line that it names.
    """
    source = path if not path.startswith("-") else f"./{path}"
    with tempfile.TemporaryDirectory(prefix="rocqgen-") as folder:
        target = Path(folder) / "fragment.o"
        command = [
            "as",
            "--64",
            "-g",
            "-L",
            "-I",
            str(Path(source).parent),
            "-o",
            str(target),
            source,
        ]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                env={**os.environ, "LC_ALL": "C"},
                check=False,
            )
        except FileNotFoundError:
            raise UserError(
                "the GNU assembler `as` is not installed",
                expected="`as` on PATH",
                hint="apt-get install binutils",
            ) from None
        except subprocess.TimeoutExpired:
            raise UserError(
                f"the assembler did not finish in {TIMEOUT} seconds",
                file=path,
                expected="a file that assembles quickly; look for `.rept` or a macro without end",
            ) from None
        if done.returncode != 0 or not target.exists():
            raise _refusal(path, done.stderr.decode(errors="replace"), done.returncode)
        return target.read_bytes()


def _refusal(path: str, messages: str, code: int) -> UserError:
    """The assembler's first error; how many more there are is said too."""
    located = [found for line in messages.splitlines() if (found := _MESSAGE.match(line))]
    if located:
        first = located[0]
        text = first["text"]
        if len(located) > 1:
            text += f" (and {len(located) - 1} more)"
        return UserError(
            f"the assembler says: {text}",
            file=path
            if first["file"].removeprefix("./") == path.removeprefix("./")
            else first["file"],
            line=int(first["line"]),
            expected="64-bit x86 assembly that `as --64` accepts",
        )
    for line in messages.splitlines():
        if found := _GENERAL.match(line):
            return UserError(f"the assembler says: {found['text']}", file=path)
    return UserError(f"the assembler failed with exit code {code}", file=path)
