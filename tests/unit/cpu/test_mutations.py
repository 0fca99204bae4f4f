# SPDX-License-Identifier: Apache-2.0
"""Bytes that no assembler writes: refused, or understood as the processor understands them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.agreement.compare import CONTROL, JUMPS, difference, run
from bench.agreement.emulator import Emulator
from bench.agreement.encodings import STACK_OPS, Encoding, decode_one, encoding
from bench.agreement.hardware import Hardware, available
from bench.agreement.layout import STUBS, WINDOW, WINDOW_BYTES
from bench.agreement.states import address, vector
from rocqgen.errors import UserError
from rocqgen.source.forms import CODES, Form
from rocqgen.source.machine import Op, Reg

if TYPE_CHECKING:
    from bench.agreement.records import After
    from bench.agreement.states import Vector

PREFIXES = b"\x66\x67\xf0\xf2\xf3\x2e\x3e\x40\x41\x48\x4f"
MANY = 4000


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A prefix more, or another bit or byte near the opcode, one to three times."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(min(len(made), 4))
        match rng.randrange(3):
            case 0:
                made.insert(0, rng.choice(PREFIXES))
            case 1:
                made[at] = rng.getrandbits(8)
            case _:
                made[at] ^= 1 << rng.randrange(8)
    return bytes(made[:15])


def understood(one: Encoding, data: bytes) -> Encoding | None:
    """What the decoder makes of the bytes, or `None` where it refuses them or finds two."""
    try:
        instr = decode_one(data)
    except (UserError, ValueError):
        return None
    form = Form(instr.op, instr.width, instr.source_width, instr.cond)
    pins = dict(one.pins)
    if instr.op in STACK_OPS:
        pins[Reg.RSP] = [WINDOW + 24]
    elif instr.op is Op.LEAVE:
        pins[Reg.RBP] = [WINDOW + 24]
    elif instr.op is Op.REP_STOSQ:
        pins |= {Reg.RDI: [WINDOW + 8], Reg.RCX: range(5)}
    return replace(one, form=form, instr=instr, pins=pins)


def inside(one: Encoding, before: Vector) -> bool:
    at = address(one, list(before.regs))
    return at is None or WINDOW <= at <= WINDOW + WINDOW_BYTES - 8


def test_bytes_are_refused_or_mean_what_the_processor_does() -> None:
    if not available():
        pytest.skip("no x86-64 processor under Linux to ask")
    rng, codes, emulator, compared = random.Random(7), list(CODES), Emulator(), 0
    with Hardware() as hardware:
        for _ in range(MANY):
            one = encoding(rng.choice(codes), STUBS, rng)
            data = mutated(one.instr.encoding, rng)
            other = understood(one, data)
            if other is None or other.instr.op in {*CONTROL, Op.INVLPG}:
                continue
            before = vector(other, rng)
            if not inside(other, before):
                continue
            after: After
            if other.instr.op in JUMPS:
                emulator.load(STUBS, data)
                after = emulator.single(STUBS, before)
            else:
                (after,) = hardware.batch(STUBS, data, [before])
            state, outcome = run(other, before)
            assert difference(other, before, state, outcome, after) is None, data.hex(" ")
            compared += 1
    assert compared > MANY // 20
