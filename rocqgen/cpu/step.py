# SPDX-License-Identifier: Apache-2.0
"""Fetch through translation, and one step: a mirror of `exec_next` of `theories/machine/exec.v`."""

from __future__ import annotations

from rocqgen.cpu.execute import execute
from rocqgen.cpu.outcome import Access, Accessed, Fault, Ok, Outcome, Stuck, Translate, Unmodelled
from rocqgen.cpu.processor import MASK64
from rocqgen.cpu.state import KERNEL, CodeImage, Config, State
from rocqgen.source.machine import Instr


def fetch(image: CodeImage, rip: int, translate: Translate) -> tuple[Instr, int] | Fault | Stuck:
    """The instruction at `rip` and its length.

    Every byte is translated.  `image` knows instructions by their first byte's physical address:
    so an instruction whose bytes are not adjacent there is outside the model.
    """
    first = translate(Access.FETCH, rip)
    if not isinstance(first, int):
        return first
    found = image.get(first)
    if found is None:
        return Stuck(Unmodelled.NO_CODE, first)
    for k in range(1, found[1]):
        va = (rip + k) & MASK64
        pa = translate(Access.FETCH, va)
        if not isinstance(pa, int):
            return pa
        if pa != first + k:
            return Stuck(Unmodelled.SPLIT_CODE, va)
    return found


def step(
    image: CodeImage,
    state: State,
    translate: Translate,
    config: Config = KERNEL,
    trace: list[Accessed] | None = None,
) -> Outcome:
    """Fetch the instruction at `state.rip` and execute it, in place.

    `trace` gets the accesses to data.  On a fault, and where the model says nothing, the state is
    as it was, `rip` included.
    """
    rip = state.rip
    found = fetch(image, rip, translate)
    if not isinstance(found, tuple):
        return found
    instr, length = found
    state.rip = (rip + length) & MASK64
    outcome = execute(instr, state, translate, config, trace)
    if not isinstance(outcome, Ok):
        state.rip = rip
    return outcome
