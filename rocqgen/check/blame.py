# SPDX-License-Identifier: Apache-2.0
"""The instruction that a failed run is blamed on: the rules of `docs/annotations.md`, "Which line
is blamed", so that the pre-check and the prover name the same line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rocqgen.check.ends import Halted, Wrong
from rocqgen.source.machine import Instr, Op, Reg

if TYPE_CHECKING:
    from rocqgen.check.ending import False_
    from rocqgen.check.ends import Run, Step
    from rocqgen.check.subject import Subject

_STACK: Final = frozenset({Op.PUSH, Op.POP, Op.CALL, Op.RET, Op.LEAVE})
_NO_TARGET: Final = frozenset(
    {
        Op.CMP,
        Op.TEST,
        Op.BT,
        Op.PUSH,
        Op.CALL,
        Op.JMP,
        Op.JCC,
        Op.MOV_TO_CR0,
        Op.MOV_TO_CR3,
        Op.MOV_TO_CR4,
    }
)


def blame(subject: Subject, run: Run) -> Instr:
    """The instruction to blame for a run that ended halted or wrong."""
    last = run.steps[-1].instr if run.steps else subject.fragment.instrs[0]
    match run.end:
        case Halted(instr=instr, fetching=True):
            return last if instr is None or last.op is Op.MOV_TO_CR3 else instr
        case Halted(instr=instr):
            return instr or last
        case Wrong(exit=goal) if goal >= len(subject.goals) - len(subject.contracts):
            return last
        case Wrong(parts=parts):
            writer = _writer(parts[0], run.steps)
            return last if writer is None else writer.instr
    return last


def _writer(part: False_, steps: list[Step]) -> Step | None:
    """The last instruction that wrote what a part of the postcondition is about."""
    for step in reversed(steps):
        if part.reg is not None and part.reg in written(step):
            return step
        if part.root and step.new_root is not None:
            return step
        if part.pas and any(
            one.write and not set(one.pas).isdisjoint(part.pas) for one in step.accesses
        ):
            return step
    return None


def written(step: Step) -> set[Reg]:
    """The registers that an instruction wrote, with another value or with the same."""
    instr = step.instr
    found = {reg for reg, _, _ in step.changed}
    if instr.op in _STACK:
        found.add(Reg.RSP)
    if instr.op not in _NO_TARGET and instr.operands and isinstance(instr.operands[0], Reg):
        found.add(instr.operands[0])
    return found
