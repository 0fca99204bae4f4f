# SPDX-License-Identifier: Apache-2.0
"""Why an instruction did not do what it should, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.cpu import Access, Fault, PageFault, State, Stuck, Unmodelled
from rocqgen.source.machine import CONTROL_OF, Instr, Mem, Reg

if TYPE_CHECKING:
    from rocqgen.check.translate import Translator

_KINDS = {Access.FETCH: "fetch from", Access.READ: "read of", Access.WRITE: "write to"}


def explain(
    outcome: Fault | Stuck, translator: Translator, state: State, instr: Instr | None
) -> str:
    """Why an instruction ended so; `state` is the one before it."""
    if isinstance(outcome, PageFault):
        access = _KINDS[translator.failed or Access.READ]
        code = f"{outcome.code:#x} {translator.bits}".rstrip()
        return f"{access} {outcome.va:#x}: #PF({code}), {translator.why}"
    if not isinstance(outcome, Stuck):
        return f"#GP: {translator.why or 'cr3 cannot hold this word'}"
    match outcome.why:
        case Unmodelled.UNBACKED_MEMORY:
            return (
                f"access to physical address {outcome.at or 0:#x}, which the precondition does"
                " not give"
            )
        case Unmodelled.NO_REGISTER:
            return f"it reads {_missing(state, instr)}, which the precondition does not describe"
        case Unmodelled.NO_CODE:
            return f"control is at {state.rip:#x}, which is neither the code nor an exit"
        case Unmodelled.UNBACKED_TABLE:
            return translator.why
        case other:
            return str(other.value)


def while_fetching(outcome: Fault | Stuck, translator: Translator) -> bool:
    """Whether it was the fetch that ended the instruction."""
    if isinstance(outcome, Stuck) and outcome.why is not Unmodelled.UNBACKED_TABLE:
        return outcome.why in {Unmodelled.NO_CODE, Unmodelled.SPLIT_CODE}
    return translator.failed is Access.FETCH


def _missing(state: State, instr: Instr | None) -> str:
    """The registers that the instruction names and that have no value."""
    control = None if instr is None else CONTROL_OF.get(instr.op)
    named: list[Reg | None] = [control]
    for operand in instr.operands if instr is not None else ():
        if isinstance(operand, Mem):
            named += [operand.base, operand.index]
        elif isinstance(operand, Reg):
            named.append(operand)
    missing = [reg.value for reg in named if reg is not None and reg not in state.regs]
    return " and ".join(dict.fromkeys(missing)) or "rsp"
