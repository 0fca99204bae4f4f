# SPDX-License-Identifier: Apache-2.0
"""The boundary: no text of a user's file passes into a theory but through here.

Comments are escaped so that they end where the template ends them; names are checked again,
whatever the front end has checked, and made different from those that the theory itself uses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.reserved import ROCQ

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_']*")
_DELIMITER = re.compile(r"(?<=\()(?=\*)|(?<=\*)(?=\))")

LIBRARY = frozenset(
    """
    M G Post s offset e
    Context Goal Proof
    SState IVirt IPhys IClaim PEq PNe PLt PLe EVar ECst EAdd EOp FOne FVar FDiv Spec Env Node Tip
    ESel Consts vblock_any vblock_fill vblock_array page_walk page_walk_below
    AluAdd AluSub AluAnd AluOr AluXor AluShl AluShr AluSar AluRol AluRor AluMul alu_value
    W8 W16 W32 W64 UnInc UnDec UnNeg UnNot BitTest BitSet BitReset BitComplement
    CondO CondNO CondB CondAE CondE CondNE CondBE CondA
    CondS CondNS CondP CondNP CondL CondGE CondLE CondG
    Mov Movzx Movsx Lea Alu Adc Sbb Cmp Test Unary Imul Bit Xchg Cmpxchg Xadd Setcc Cmovcc Jcc
    Push Pop Call Ret Jmp Leave RepStosq Invlpg MovToCr3 MovFromCr3 MovToCr0 MovFromCr0
    MovToCr4 MovFromCr4 Nop OReg OImm OMem Addr TRel TInd
    TInstr TRoot TReg TItem TFact Residual Segment Owe Hmode
    HAt HFirst HThen HCall HNone SegmentPlan LeafPlan segment_plan Contract contract code_moved
    spec_at spec_assumed Platform platform_config
    Z_to_bv bv_unsigned bv_add bv_sub bv_and bv_or bv_xor
    bv_add_Z pos_to_Qp in_space flags_any code vreg vphys vpt vclaim at_root vwp vdenote vposts
    kernel_mode machine machGS gFunctors word sstate spec post env hints code_list check
    Logic I eq_refl stands_for solve_fact Qp Prop Z N nat list
    """.split()
)
"""What the templates use without qualification."""


def comment(text: object) -> str:
    """`text` as it may stand inside a comment: on one line, closing and opening nothing.

    Inside comments Coq still reads comment marks and string literals, so both are taken apart.
    """
    shown = "".join(char if char.isprintable() else _spelled(char) for char in str(text))
    return _DELIMITER.sub(" ", shown.replace('"', "''"))


def comment_lines(text: str) -> list[str]:
    """The lines of `text` as they may stand inside a comment."""
    return [comment(line).rstrip() for line in text.replace("\t", " ").splitlines()]


def _spelled(char: str) -> str:
    return " " if char == "\t" else f"\\u{ord(char):04x}"


def identifier(name: str) -> str:
    """`name`, if Rocq reads it as one identifier; else a UserError."""
    if not _IDENTIFIER.fullmatch(name) or name in ROCQ or name == "_":
        raise UserError(
            f"{name!r} cannot be a name in a theory",
            expected="a letter or `_`, then letters, digits, `_` and `'`; no word of Rocq",
            exit_code=ExitCode.USAGE,
        )
    return name


class Fresh:
    """Gives out names that differ from each other and from those in `taken`."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken) | ROCQ

    def __call__(self, wanted: str) -> str:
        """`wanted`, or the first of `wanted0`, `wanted1`, ... that is free."""
        name, number = identifier(wanted), 0
        while name in self.taken:
            name, number = f"{wanted}{number}", number + 1
        self.taken.add(name)
        return name
