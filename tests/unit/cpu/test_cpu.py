# SPDX-License-Identifier: Apache-2.0
"""What the interpreter does where no emulator can be asked: faults, stuck states, the trace."""

from __future__ import annotations

import pytest

from rocqgen.cpu import (
    OK,
    Access,
    Accessed,
    Config,
    Fault,
    Flags,
    GeneralProtection,
    Leaf,
    Memory,
    PageFault,
    State,
    Stuck,
    TlbEntry,
    Unmodelled,
    execute,
    fetch,
    step,
)
from rocqgen.source.location import Location
from rocqgen.source.machine import CONTROL_OF, Cond, Imm, Instr, Mem, Op, Operand, Reg, Width

R = Reg
STACK = 0x7000


def instr(
    op: Op, *operands: Operand, width: Width = Width.W64, length: int = 3, cond: Cond | None = None
) -> Instr:
    return Instr(
        op, operands, 0, length, b"\x90" * length, Location("f.s", 1), "", width, cond=cond
    )


def identity(_access: Access, va: int) -> int:
    return va


def state(**regs: int) -> State:
    made = State(dict.fromkeys(Reg, 0) | {R.RSP: STACK}, flags=Flags(*[False] * 5))
    made.regs |= {R.CR0: 0x80050033, R.CR4: 0x300020}
    made.regs |= {R[name.upper()]: value for name, value in regs.items()}
    made.memory.write(STACK - 16, bytes(range(32)))
    made.memory.write(0x1000, b"\x11" * 16)
    return made


def test_every_operation_has_a_handler() -> None:
    from rocqgen.cpu.execute import _HANDLERS

    assert set(_HANDLERS) == set(Op)


@pytest.mark.parametrize(
    "one",
    [
        instr(Op.PUSH, R.RAX),
        instr(Op.POP, Mem(R.RSP, None, 1, 0x2000)),
        instr(Op.MOV, Mem(R.RBX, None, 1, -3), R.RAX),
        instr(Op.ADD, Mem(R.RBX, None, 1, -3), R.RAX),
        instr(Op.XCHG, R.RAX, Mem(R.RBX, None, 1, -3)),
        instr(Op.CMPXCHG, Mem(R.RBX, None, 1, -3), R.RCX),
        instr(Op.XADD, Mem(R.RBX, None, 1, -3), R.RAX),
        instr(Op.CALL, Imm(5)),
        instr(Op.REP_STOSQ),
        instr(Op.SETCC, Mem(R.RBX, None, 1, 2), cond=Cond.E, width=Width.W8),
    ],
    ids=lambda one: one.op.value,
)
def test_a_fault_leaves_the_state_as_it_was(one: Instr) -> None:
    def writes_fault(access: Access, va: int) -> int | Fault:
        # All but the first bytes of a write: so the fault comes late.
        return PageFault(2, va) if access is Access.WRITE and va % 8 == 2 else va

    before = state(rbx=0x1008, rdi=0x1000, rcx=2)
    before.memory.write(STACK + 0x2000, bytes(16))
    before.rip = 0x400000
    after = before.copy()
    assert isinstance(execute(one, after, writes_fault), PageFault)
    assert after == before
    assert step({0x400000: (one, 3)}, after, writes_fault) == execute(one, after, writes_fault)
    assert after == before


def test_memory_that_is_not_there() -> None:
    load = instr(Op.MOV, R.RAX, Mem(R.RBX, None, 1, 0))
    assert execute(load, state(rbx=0x1009), identity) == Stuck(Unmodelled.UNBACKED_MEMORY, 0x1010)
    assert execute(load, state(rbx=0x1008), identity) == OK


def test_the_bytes_of_an_access_are_translated_one_by_one() -> None:
    def scattered(_access: Access, va: int) -> int:
        return va if va < 0x1000 else va - 0x1000 + STACK

    one = state(rbx=0xFFC)
    one.memory.write(0xFFC, b"\xaa\xbb\xcc\xdd")
    trace: list[Accessed] = []
    load = instr(Op.MOV, R.RAX, Mem(R.RBX, None, 1, 0))
    assert execute(load, one, scattered, trace=trace) == OK
    assert one.regs[R.RAX] == 0x13121110_DDCCBBAA
    pas = (0xFFC, 0xFFD, 0xFFE, 0xFFF, STACK, STACK + 1, STACK + 2, STACK + 3)
    assert trace == [Accessed(False, Access.READ, 0xFFC, pas, one.regs[R.RAX])]


def test_the_read_of_a_read_modify_write_is_translated_as_a_write() -> None:
    trace: list[Accessed] = []
    one = state(rbx=0x1000, rax=1)
    assert execute(instr(Op.ADD, Mem(R.RBX, None, 1, 0), R.RAX), one, identity, trace=trace) == OK
    assert [(entry.write, entry.access) for entry in trace] == [
        (False, Access.WRITE),
        (True, Access.WRITE),
    ]
    assert trace[1].value == trace[0].value + 1


def test_an_address_wraps_around() -> None:
    one = state(rbx=2**64 - 4)
    one.memory.write(2**64 - 4, b"\x01\x02\x03\x04")
    one.memory.write(0, b"\x05\x06\x07\x08")
    assert execute(instr(Op.MOV, R.RAX, Mem(R.RBX, None, 1, 0)), one, identity) == OK
    assert one.regs[R.RAX] == 0x08070605_04030201


def test_a_flag_that_is_undefined_cannot_be_read() -> None:
    one = state()
    one.flags = one.flags._replace(of=None)
    stuck = Stuck(Unmodelled.UNDEFINED_FLAG)
    assert execute(instr(Op.JCC, Imm(5), cond=Cond.L), one, identity) == stuck
    assert execute(instr(Op.JCC, Imm(5), cond=Cond.B), one, identity) == OK
    assert execute(instr(Op.ADC, R.RAX, R.RBX), one, identity) == OK
    one.flags = one.flags._replace(cf=None)
    assert execute(instr(Op.ADC, R.RAX, R.RBX), one, identity) == stuck


def test_a_register_without_a_value() -> None:
    one = state()
    del one.regs[R.R9]
    stuck = Stuck(Unmodelled.NO_REGISTER)
    assert execute(instr(Op.MOV, R.RAX, R.R9), one, identity) == stuck
    assert execute(instr(Op.MOV, R.R9, Imm(1), width=Width.W8), one, identity) == stuck
    assert execute(instr(Op.MOV, R.R9, Imm(-1), width=Width.W32), one, identity) == OK
    assert one.regs[R.R9] == 0xFFFFFFFF


def entry(va: int, shift: int) -> TlbEntry:
    return TlbEntry(va >> shift, Leaf(0, shift, True, False, True))


def test_cr3_and_invlpg_drop_what_is_cached() -> None:
    one = state(rax=0x5000, rbx=0x201000)
    one.tlb = [entry(0x201000, 12), entry(0x202000, 12), entry(0x200000, 21), entry(0x400000, 21)]
    assert execute(instr(Op.INVLPG, Mem(R.RBX, None, 1, 0xFFF)), one, identity) == OK
    assert one.tlb == [entry(0x202000, 12), entry(0x400000, 21)]
    assert execute(instr(Op.MOV_TO_CR3, R.RAX), one, identity) == OK
    assert (one.cr3, one.tlb) == (0x5000, [])


@pytest.mark.parametrize(
    "one",
    [
        instr(op, Mem(R.RBX, None, 1, 0) if op is Op.INVLPG else R.RAX)
        for op in Op
        if op is Op.INVLPG or "_cr" in op.value
    ],
    ids=lambda one: one.op.value,
)
def test_control_registers_are_the_kernels(one: Instr) -> None:
    before = state()
    assert execute(one, before, identity, Config(user=True)) == GeneralProtection()
    assert before == state()


def test_a_root_that_is_reserved() -> None:
    before = state(rax=1 << 60)
    assert execute(instr(Op.MOV_TO_CR3, R.RAX), before, identity) == GeneralProtection()
    assert before == state(rax=1 << 60)


# MP, EM, TS, NE and AM; TSD, DE, MCE and PCE: SDM vol. 3, 2.5.
FREE = {Op.MOV_TO_CR0: {1, 2, 3, 5, 18}, Op.MOV_TO_CR4: {2, 3, 6, 8}}


@pytest.mark.parametrize("op", list(FREE), ids=lambda op: op.value)
def test_the_mode_of_paging_stays(op: Op) -> None:
    control = CONTROL_OF[op]
    for bit in range(64):
        one = state()
        wanted = one.regs[control] ^ 1 << bit
        one.regs[R.RAX] = wanted
        before = one.copy()
        outcome = execute(instr(op, R.RAX), one, identity)
        if bit in FREE[op]:
            assert outcome == OK
            assert one.regs[control] == wanted
        else:
            assert outcome == Stuck(Unmodelled.MODE_CHANGE)
            assert one == before


def test_control_registers_have_what_the_mode_fixes() -> None:
    fixed = Config(fixed=((R.CR0, 0x8001_0001, 0x8001_0001),))
    for value, outcome in ((0x8005_0033, OK), (0x8004_0033, Stuck(Unmodelled.MODE_CHANGE))):
        one = state(cr0=value)
        assert execute(instr(Op.MOV_FROM_CR0, R.RAX), one, identity, fixed) == outcome
        assert execute(instr(Op.MOV_FROM_CR0, R.RAX), one, identity) == OK
        assert one.regs[R.RAX] == value
        assert execute(instr(Op.MOV_FROM_CR4, R.RAX), one, identity, fixed) == OK
        del one.regs[R.CR0]
        assert execute(instr(Op.MOV_TO_CR0, R.RAX), one, identity) == Stuck(Unmodelled.NO_REGISTER)


def test_fetch() -> None:
    ret = instr(Op.RET, length=3)
    image = {0xFFE: (ret, 3)}
    assert fetch(image, 0xFFE, identity) == (ret, 3)
    assert fetch(image, 0xFFF, identity) == Stuck(Unmodelled.NO_CODE, 0xFFF)

    def torn(_access: Access, va: int) -> int:
        return va if va < 0x1000 else va + 0x1000

    assert fetch(image, 0xFFE, torn) == Stuck(Unmodelled.SPLIT_CODE, 0x1000)

    def ends(_access: Access, va: int) -> int | Fault:
        return va if va < 0x1000 else PageFault(16, va)

    assert fetch(image, 0xFFE, ends) == PageFault(16, 0x1000)


def test_step_goes_on_behind_the_instruction() -> None:
    one = state()
    one.rip = 0x2000
    assert step({0x2000: (instr(Op.NOP), 3)}, one, identity) == OK
    assert one.rip == 0x2003
    assert step({0x2003: (instr(Op.CALL, Imm(-0x1003), length=3), 3)}, one, identity) == OK
    assert one.rip == 0x1003
    assert one.memory.read(STACK - 8, 8) == 0x2006


def test_rep_stosq_takes_one_word_a_step() -> None:
    one = state(rax=0x0123456789ABCDEF, rdi=0x1000, rcx=2)
    one.rip = 0x2000
    image = {0x2000: (instr(Op.REP_STOSQ), 3)}
    assert step(image, one, identity) == OK
    assert (one.rip, one.regs[R.RDI], one.regs[R.RCX]) == (0x2000, 0x1008, 1)
    assert one.memory.read(0x1000, 16) == 0x11111111_11111111_01234567_89ABCDEF
    assert step(image, one, identity) == OK
    assert (one.rip, one.regs[R.RDI], one.regs[R.RCX]) == (0x2003, 0x1010, 0)
    one.rip = 0x2000
    assert step(image, one, identity) == OK
    assert one.rip == 0x2003


def test_memory() -> None:
    memory = Memory({5: 0x12})
    memory.write(6, b"\x34")
    assert memory.read(5, 2) == 0x3412
    assert memory.read(5, 3) is None
    assert 7 not in memory
    assert memory.copy() == memory
    assert len(memory) == 2
