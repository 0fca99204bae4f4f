# SPDX-License-Identifier: Apache-2.0
"""Finds a state from which a fragment comes to its exit, to close its theorem there.

The prover's machine is `x86_kernel` of `theories/machine/x86_64.v`, and its memory is given in
words of 8 bytes: so a state of the search is taken in that mode, if it is one there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Final

from rocqgen.check.cases import cases
from rocqgen.check.choice import Choice, Mode, base_of
from rocqgen.check.ends import Arrived
from rocqgen.check.machine import Machine
from rocqgen.check.run import run
from rocqgen.check.states import NoStateError, States
from rocqgen.check.subject import Subject
from rocqgen.check.witness import Witness
from rocqgen.check.words import ENTRY
from rocqgen.source.machine import Reg
from rocqgen.source.spec import Fragment, Sort

TRIES: Final = 16
"""States of the search that are looked at."""

MAX_STEPS: Final = 4000
"""Instructions of its run, which the prover repeats."""

MODE: Final = Mode()
"""That of `x86_kernel` in the prover."""

_WORD: Final = 8


def find_witness(fragment: Fragment, *, seconds: float = 5.0) -> Witness | None:
    """The simplest of some states from which the fragment comes to an exit; None if there is none.

    Of several ways in which walks may lead, the first that has one.  Where it calls what is not
    here, that the precondition holds there is all that is known.  The same fragment gives the same
    state.
    """
    for one in cases(fragment):
        witness = _find(Subject(one), seconds)
        if witness is not None:
            return witness
    return None


def _find(subject: Subject, seconds: float) -> Witness | None:
    states = States(subject, 0, MODE.maxphyaddr, time.monotonic() + seconds)
    found: list[tuple[tuple[int, int, int], Witness]] = []
    for number in range(TRIES):
        try:
            machine = states.next(number)
        except NoStateError:
            break
        tamed = states.machine(_tame(subject, machine.choice))
        if tamed is not None and (witness := _witness(tamed)) is not None:
            found.append((_rank(tamed, witness), witness))
    return min(found, key=itemgetter(0))[1] if found else None


def _tame(subject: Subject, choice: Choice) -> Choice:
    """The same in the mode of `x86_kernel`, or of the platform that is asked for, on pages that a
    supervisor may use there, and with arrays that count."""
    rights = {page: one._replace(user=False) for page, one in choice.rights.items()}
    platform = subject.fragment.spec.platform
    mode = MODE if platform is None else Mode(la57=platform.la57, maxphyaddr=platform.maxphyaddr)
    arrays = [one.ident for one in subject.fragment.spec.params if one.sort is Sort.ARRAY]
    words = choice.words | {name: number for number, name in enumerate(arrays, 1)}
    return replace(choice, words=words, rights=rights, mode=mode, strategy="walk")


def _rank(machine: Machine, witness: Witness) -> tuple[int, int, int]:
    """Spaces that differ come first, and then what is less to read."""
    bits = sum(word.bit_length() for word in witness.words.values())
    return -len(set(machine.roots)), len(witness.tables) + len(witness.data), bits


def _witness(machine: Machine) -> Witness | None:
    choice, spec = machine.choice, machine.subject.fragment.spec
    steps: int | None = None
    bound: dict[str, int] = {}
    if not machine.subject.contracts:
        # There is no code for what is assumed.
        done = run(machine, MAX_STEPS)
        if not isinstance(done.end, Arrived):
            return None
        steps, words = len(done.steps), done.end.words
        bound = {name.ident: words[name.ident] for name in spec.exits[done.end.exit].exists}
    entry = choice.words[ENTRY]
    frame = _frame(machine, entry)
    data = list(_blocks(machine.resident.data))
    if frame is None or any(len(block) % _WORD for _, block in data):
        return None
    tables: dict[int, int] = {}
    owned = {slot.at: slot.word for slot in machine.resident.slots.values()}
    for at, word in (machine.tables.entries | owned).items():
        tables |= zip(range(at, at + _WORD), word.to_bytes(_WORD, "little"), strict=True)
    state = machine.state
    return Witness(
        entry,
        frame,
        {one.ident: choice.words[one.ident] for one in spec.params if one.ident in choice.words},
        choice.fractions,
        {reg: state.regs[reg] for reg in Reg if reg in state.regs},
        state.cr3,
        tuple((at, _words(block)) for at, block in _blocks(tables)),
        tuple((at, _words(block)) for at, block in data),
        choice.flags,
        choice.mode.maxphyaddr,
        steps,
        bound,
        choice.mode.la57,
    )


def _frame(machine: Machine, entry: int) -> int | None:
    """Where the code lies, if it lies in one place and in one piece."""
    choice = machine.choice
    page = entry >> 12
    frame = (choice.frames[base_of(machine.state.cr3), page] << 12) + (entry & 0xFFF)
    expected = {frame + instr.offset for instr in machine.subject.instrs}
    return frame if machine.resident.image.keys() == expected else None


def _blocks(data: Mapping[int, int]) -> Iterator[tuple[int, bytes]]:
    """Bytes that follow each other, with the address of the first."""
    block, start = bytearray(), 0
    for at in sorted(data):
        if block and at != start + len(block):
            yield start, bytes(block)
            block = bytearray()
        if not block:
            start = at
        block.append(data[at])
    if block:
        yield start, bytes(block)


def _words(block: bytes) -> tuple[int, ...]:
    """Little-endian words."""
    return tuple(
        int.from_bytes(block[k : k + _WORD], "little") for k in range(0, len(block), _WORD)
    )
