# SPDX-License-Identifier: Apache-2.0
"""What a usable prover is."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from pathlib import Path

MINIMUM_VERSION: Final = (8, 20)
"""The oldest Coq whose Debian or opam world has ``stdpp.bitvector`` and a matching SerAPI."""

OPAM_PACKAGES: Final = (
    "coq.8.20.1",
    "coq-serapi",
    "coq-stdpp",
    "coq-stdpp-bitvector",
    "coq-iris",
)
OPAM_INSTRUCTIONS: Final = (
    f"opam install {' '.join(OPAM_PACKAGES)} && eval $(opam env)\n"
    "(the last three are in opam's repository coq-released)"
)


@dataclass(frozen=True)
class Toolchain:
    """A prover that was checked to work: coqc, sertop, stdpp with bitvector, and Iris.

    ``version`` is Coq's ("8.20.1"). ``env`` holds the variables its programs need beyond the
    caller's own (absolute values, ``PATH`` among them; empty for one that stands on PATH).
    ``identity`` changes whenever compiled files of one may not be loaded by the other.
    """

    origin: Literal["path", "cache"]
    version: str
    coqc: Path
    sertop: Path
    identity: str
    env: dict[str, str] = field(default_factory=dict, hash=False)

    def environ(self) -> dict[str, str]:
        """The whole environment for a program of this toolchain."""
        return {**os.environ, **self.env}

    def program(self, name: str) -> Path:
        """The path of another program of the same Coq: ``coqdep``, ``coqtop``, ``coqchk``."""
        return self.coqc.parent / name


def parse_version(text: str) -> tuple[int, ...] | None:
    """Read the version out of ``coqc --print-version`` ("8.20.1 5.3.0"); None if there is none.

    A suffix ("9.1+rc1", "8.20+alpha") is dropped.
    """
    numbers: list[int] = []
    for part in text.strip().partition(" ")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers) if len(numbers) > 1 else None
