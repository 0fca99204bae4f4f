# SPDX-License-Identifier: Apache-2.0
"""What a theorem of a compiled theory assumes, as ``Print Assumptions`` tells.

It is asked in a session of its own, which has loaded the library and has seen nothing of the
theory's text: it requires what `coqc` compiled.  So nothing in the text can change the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocqgen.rocq.session import Session

_HEADERS = ("Axioms:", "Section Variables:", "Theory:", "Opaque", "Transparent")
_ENTRY = re.compile(r"(?P<name>[^\s:]+)\s*:\s")


class AssumptionsUnknownError(Exception):
    """``Print Assumptions`` gave no answer that can be understood."""


def assumptions(session: Session, module: str, theorem: str, seconds: float) -> tuple[str, ...]:
    """What `theorem` of the compiled `module` (fully qualified) assumes; empty is closed.

    `seconds` are the limit for each of three steps.  Raises AssumptionsUnknownError, and
    ProverError where the session ends.
    """
    added, error, _ = session.add(f"Require {module}.", seconds)
    if error is None:
        error, _ = session.execute(added[-1].sid, seconds)
    if error is None:
        # Fully qualified, so that no name in the file can stand in for the theorem.
        asked = f"Print Assumptions {module}.{theorem}."
        said, error = session.query(added[-1].sid, asked, seconds, notes=False)
    if error is not None:
        raise AssumptionsUnknownError(f"Print Assumptions failed: {error.message}")
    return parse_assumptions(said)


def parse_assumptions(said: str) -> tuple[str, ...]:
    """Read what ``Print Assumptions`` prints.

    An axiom is given by its name; a weaker check ("f is assumed to be guarded", "Type hierarchy is
    collapsed ...") by its whole sentence, which is never the name of an axiom.
    """
    lines = [line for line in said.strip().splitlines() if line.strip()]
    if [line.strip() for line in lines] == ["Closed under the global context"]:
        return ()
    if not lines or not lines[0].startswith(_HEADERS):
        raise AssumptionsUnknownError(f"Print Assumptions printed something unknown: {said!r:.200}")
    entries: list[str] = []
    for line in lines:
        if line.startswith(_HEADERS):
            continue
        if entries and line.startswith((" ", "\t", ":")):
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    names = []
    for entry in entries:
        match = _ENTRY.match(entry)
        names.append(match["name"] if match else entry.rstrip("."))
    return tuple(sorted(set(names)))
