# SPDX-License-Identifier: Apache-2.0
"""Which of the instructions that can be decoded the prover has a rule for yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.source.features import Feature, features
from rocqgen.source.location import refused
from rocqgen.source.machine import Instr, Op

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.source.spec import Fragment

_REFUSED = frozenset(
    {
        *(Op.MOV_TO_CR0, Op.MOV_FROM_CR0, Op.MOV_TO_CR4, Op.MOV_FROM_CR4),
    }
)
"""Operations that have no rule yet."""

EXPECTED = "instructions other than mov to and from %cr0 and %cr4"
"""What to tell someone whose instruction is refused."""


KNOWN = frozenset(
    {
        Feature.INVARIANT,
        Feature.ASSUME,
        Feature.CALLS,
        Feature.PLATFORM,
        Feature.ENTRY,
        Feature.PAGE,
        Feature.VIA,
        Feature.GHOST,
        Feature.BLOCK,
        Feature.INDEX,
        Feature.ARRAY,
        Feature.WALK,
    }
)
"""The parts of the annotation language, beyond the first ones, that theories are made for."""


def refuse_features(fragment: Fragment) -> None:
    """Raise a UserError at the first part of the annotation that no theory is made for."""
    for feature, where in features(fragment):
        if feature not in KNOWN:
            raise refused(
                f"the prover does not support {feature.value} yet",
                where,
                expected="an annotation without them",
            )


def supported(instr: Instr) -> bool:
    """Whether the prover has a rule for the instruction."""
    return instr.op not in _REFUSED


def refuse_unsupported(instrs: Iterable[Instr]) -> None:
    """Raise a UserError at the first instruction that the prover has no rule for."""
    for instr in instrs:
        if not supported(instr):
            where = instr.location
            raise refused(
                f"the prover has no rule for `{instr.text}` yet",
                where,
                expected=EXPECTED,
            )
