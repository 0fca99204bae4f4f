# SPDX-License-Identifier: Apache-2.0
"""Real code from the real assembler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.source.assemble import assemble
from rocqgen.source.decode import decode
from rocqgen.source.location import Location
from rocqgen.source.machine import Cond, Imm, Instr, Mem, Op, Operand, Reg, Width
from rocqgen.source.object import ObjectCode, read_object

R = Reg
Assemble = Callable[[str], ObjectCode]


@pytest.fixture
def build(tmp_path: Path) -> Assemble:
    def run(text: str) -> ObjectCode:
        path = tmp_path / "f.s"
        path.write_text(text)
        return read_object(assemble(str(path)), str(path))

    return run


def decoded(code: ObjectCode) -> tuple[Instr, ...]:
    def where(offset: int) -> tuple[Location, str]:
        row = code.row_at(offset)
        assert row is not None
        return Location(Path(row.file).name, row.line), "text"

    return decode(code, 0, len(code.text), where)


CASES: list[tuple[str, Op, tuple[Operand, ...]]] = [
    ("movq %rax, %rbx", Op.MOV, (R.RBX, R.RAX)),
    ("movq $-1, %r9", Op.MOV, (R.R9, Imm(-1))),
    ("movabsq $0x8123456789abcdef, %r15", Op.MOV, (R.R15, Imm(0x8123456789ABCDEF - 2**64))),
    ("movq -8(%rsp,%rax,4), %r8", Op.MOV, (R.R8, Mem(R.RSP, R.RAX, 4, -8))),
    ("movq %r8, 0x12345678(%r13)", Op.MOV, (Mem(R.R13, None, 1, 0x12345678), R.R8)),
    ("movq $0x7fffffff, (%rbp)", Op.MOV, (Mem(R.RBP, None, 1, 0), Imm(0x7FFFFFFF))),
    ("movq $-2, (,%r12,8)", Op.MOV, (Mem(None, R.R12, 8, 0), Imm(-2))),
    ("movq 64, %rcx", Op.MOV, (R.RCX, Mem(None, None, 1, 64))),
    ("addq %rsi, %rdi", Op.ADD, (R.RDI, R.RSI)),
    ("addq $0x12345, %rax", Op.ADD, (R.RAX, Imm(0x12345))),
    ("subq $8, %rsp", Op.SUB, (R.RSP, Imm(8))),
    ("subq (%rdi), %rdx", Op.SUB, (R.RDX, Mem(R.RDI, None, 1, 0))),
    ("andq %rdx, (%rdi)", Op.AND, (Mem(R.RDI, None, 1, 0), R.RDX)),
    ("orq $-128, 16(%rdi)", Op.OR, (Mem(R.RDI, None, 1, 16), Imm(-128))),
    ("xorq %r11, %r10", Op.XOR, (R.R10, R.R11)),
    ("shlq %rax", Op.SHL, (R.RAX, Imm(1))),
    ("shlq $63, %rax", Op.SHL, (R.RAX, Imm(63))),
    ("shrq %cl, (%rax)", Op.SHR, (Mem(R.RAX, None, 1, 0), R.RCX)),
    ("leaq 3(%rax,%rcx,2), %rdx", Op.LEA, (R.RDX, Mem(R.RAX, R.RCX, 2, 3))),
    ("leaq f(%rip), %rdx", Op.LEA, (R.RDX, Mem(None, None, 1, -7, rip=True))),
    ("pushq %r14", Op.PUSH, (R.R14,)),
    ("pushq $-5", Op.PUSH, (Imm(-5),)),
    ("pushq $0x1234567", Op.PUSH, (Imm(0x1234567),)),
    ("pushq 8(%rbx)", Op.PUSH, (Mem(R.RBX, None, 1, 8),)),
    ("popq %rbx", Op.POP, (R.RBX,)),
    ("popq 8(%rsp)", Op.POP, (Mem(R.RSP, None, 1, 8),)),
    ("call f", Op.CALL, (Imm(-5),)),
    ("call *%rax", Op.CALL, (R.RAX,)),
    ("ret", Op.RET, ()),
    ("jmp f", Op.JMP, (Imm(-2),)),
    ("jmp f + 261", Op.JMP, (Imm(256),)),
    ("jmp *8(%rax)", Op.JMP, (Mem(R.RAX, None, 1, 8),)),
    ("movq %cr3, %r12", Op.MOV_FROM_CR3, (R.R12,)),
    ("movq %rax, %cr3", Op.MOV_TO_CR3, (R.RAX,)),
    ("nop", Op.NOP, ()),
    ("nopw 0(%rax,%rax,1)", Op.NOP, ()),
    ("endbr64", Op.NOP, ()),
]


@pytest.mark.parametrize(("text", "op", "operands"), CASES, ids=[case[0] for case in CASES])
def test_supported(build: Assemble, text: str, op: Op, operands: tuple[Operand, ...]) -> None:
    code = build(f"f: {text}\n")
    (instr,) = decoded(code)
    assert (instr.op, instr.operands) == (op, operands)
    assert (instr.width, instr.cond) == (Width.W64, None)
    assert instr.encoding == code.text
    assert instr.length == len(code.text)
    assert instr.location == Location("f.s", 1)


W8, W16, W32, W64 = Width
BP = Mem(R.RBP, None, 1, 0)

WIDTHS: list[tuple[str, Op, tuple[Operand, ...], Width]] = [
    ("movb %al, %r9b", Op.MOV, (R.R9, R.RAX), W8),
    ("movb %sil, (%rbp)", Op.MOV, (BP, R.RSI), W8),
    ("movb %bpl, %spl", Op.MOV, (R.RSP, R.RBP), W8),
    ("movw %r12w, %di", Op.MOV, (R.RDI, R.R12), W16),
    ("movl %eax, %r8d", Op.MOV, (R.R8, R.RAX), W32),
    ("movl $0xffffffff, %ecx", Op.MOV, (R.RCX, Imm(-1)), W32),
    ("movb $0x80, (%rbp)", Op.MOV, (BP, Imm(-128)), W8),
    ("movw $0x8000, (%rbp)", Op.MOV, (BP, Imm(-32768)), W16),
    (
        "movabsq 0x1234567812345678, %rax",
        Op.MOV,
        (R.RAX, Mem(None, None, 1, 0x1234567812345678)),
        W64,
    ),
    ("movabsb %al, 0x8000000000000000", Op.MOV, (Mem(None, None, 1, -(2**63)), R.RAX), W8),
    ("leal 4(%rax), %r9d", Op.LEA, (R.R9, Mem(R.RAX, None, 1, 4)), W32),
    ("leaw 4(%rax), %r9w", Op.LEA, (R.R9, Mem(R.RAX, None, 1, 4)), W16),
    ("xorl %eax, %eax", Op.XOR, (R.RAX, R.RAX), W32),
    ("addb $-1, %al", Op.ADD, (R.RAX, Imm(-1)), W8),
    ("adcw $-1, %ax", Op.ADC, (R.RAX, Imm(-1)), W16),
    ("adcw $0x7fff, %cx", Op.ADC, (R.RCX, Imm(0x7FFF)), W16),
    ("sbbl (%rbp), %ecx", Op.SBB, (R.RCX, BP), W32),
    ("cmpq $-1, (%rbp)", Op.CMP, (BP, Imm(-1)), W64),
    ("testb $0x80, (%rbp)", Op.TEST, (BP, Imm(-128)), W8),
    ("testq %rdi, %rdi", Op.TEST, (R.RDI, R.RDI), W64),
    ("incb (%rbp)", Op.INC, (BP,), W8),
    ("decq %r15", Op.DEC, (R.R15,), W64),
    ("negw %cx", Op.NEG, (R.RCX,), W16),
    ("notl %edx", Op.NOT, (R.RDX,), W32),
    ("imulq %rcx, %rdx", Op.IMUL, (R.RDX, R.RDX, R.RCX), W64),
    ("imull $24, (%rbp), %edx", Op.IMUL, (R.RDX, BP, Imm(24)), W32),
    ("imulw $0x1234, %cx, %dx", Op.IMUL, (R.RDX, R.RCX, Imm(0x1234)), W16),
    ("shll $33, %ecx", Op.SHL, (R.RCX, Imm(1)), W32),
    ("sarq $65, %rcx", Op.SAR, (R.RCX, Imm(1)), W64),
    ("rolb %cl, %al", Op.ROL, (R.RAX, R.RCX), W8),
    ("rorw (%rbp)", Op.ROR, (BP, Imm(1)), W16),
    ("btq %rcx, %rdx", Op.BT, (R.RDX, R.RCX), W64),
    ("btsq $63, (%rbp)", Op.BTS, (BP, Imm(63)), W64),
    ("btrl $35, %eax", Op.BTR, (R.RAX, Imm(3)), W32),
    ("lock btcw $15, (%rbp)", Op.BTC, (BP, Imm(15)), W16),
    ("xchgq %rax, %rbx", Op.XCHG, (R.RBX, R.RAX), W64),
    ("xchgl %eax, %eax", Op.XCHG, (R.RAX, R.RAX), W32),
    ("xchgq %r8, %rax", Op.XCHG, (R.R8, R.RAX), W64),
    ("xchgb %al, (%rbp)", Op.XCHG, (BP, R.RAX), W8),
    ("lock cmpxchgq %rcx, (%rbp)", Op.CMPXCHG, (BP, R.RCX), W64),
    ("lock xaddl %ecx, (%rbp)", Op.XADD, (BP, R.RCX), W32),
    ("lock orq $1, (%rbp)", Op.OR, (BP, Imm(1)), W64),
    ("leave", Op.LEAVE, (), W64),
    ("rep stosq", Op.REP_STOSQ, (), W64),
    ("invlpg (%rbp)", Op.INVLPG, (BP,), W64),
    ("movq %cr0, %rax", Op.MOV_FROM_CR0, (R.RAX,), W64),
    ("movq %rax, %cr0", Op.MOV_TO_CR0, (R.RAX,), W64),
    ("movq %cr4, %r9", Op.MOV_FROM_CR4, (R.R9,), W64),
    ("movq %r9, %cr4", Op.MOV_TO_CR4, (R.R9,), W64),
    ("xchgw %ax, %ax", Op.NOP, (), W64),
    ("lea 0(%rip), %rdx", Op.LEA, (R.RDX, Mem(None, None, 1, 0, rip=True)), W64),
    ("addl $5, f(%rip)", Op.ADD, (Mem(None, None, 1, -7, rip=True), Imm(5)), W32),
]


@pytest.mark.parametrize(
    ("text", "op", "operands", "width"), WIDTHS, ids=[case[0] for case in WIDTHS]
)
def test_widths(
    build: Assemble, text: str, op: Op, operands: tuple[Operand, ...], width: Width
) -> None:
    (instr,) = decoded(build(f"f: {text}\n"))
    assert (instr.op, instr.operands, instr.width) == (op, operands, width)
    assert instr.cond is None


EXTENDED: list[tuple[str, Op, Operand, Width, Width]] = [
    ("movzbl %cl, %edx", Op.MOVZX, R.RCX, W32, W8),
    ("movzbw (%rbp), %dx", Op.MOVZX, BP, W16, W8),
    ("movzwq %cx, %rdx", Op.MOVZX, R.RCX, W64, W16),
    ("movsbq (%rbp), %rdx", Op.MOVSX, BP, W64, W8),
    ("movswl %cx, %edx", Op.MOVSX, R.RCX, W32, W16),
    ("movslq %ecx, %rdx", Op.MOVSX, R.RCX, W64, W32),
]


@pytest.mark.parametrize(
    ("text", "op", "source", "width", "source_width"), EXTENDED, ids=[case[0] for case in EXTENDED]
)
def test_extensions(
    build: Assemble, text: str, op: Op, source: Operand, width: Width, source_width: Width
) -> None:
    (instr,) = decoded(build(f"f: {text}\n"))
    assert (instr.op, instr.operands) == (op, (R.RDX, source))
    assert (instr.width, instr.source_width) == (width, source_width)


def test_the_accumulator_extends_itself(build: Assemble) -> None:
    instrs = decoded(build("f: cbtw\n  cwtl\n  cltq\n"))
    assert {(instr.op, instr.operands) for instr in instrs} == {(Op.MOVSX, (R.RAX, R.RAX))}
    assert [(instr.width, instr.source_width) for instr in instrs] == [
        (W16, W8),
        (W32, W16),
        (W64, W32),
    ]


@pytest.mark.parametrize("cond", list(Cond), ids=lambda cond: cond.value)
def test_conditions(build: Assemble, cond: Cond) -> None:
    c = cond.value
    instrs = decoded(build(f"f: j{c} f\n  j{c} f + 1024\n  set{c} %dil\n  cmov{c} (%rbp), %ecx\n"))
    assert [(instr.op, instr.operands, instr.width, instr.cond) for instr in instrs] == [
        (Op.JCC, (Imm(-2),), W64, cond),
        (Op.JCC, (Imm(1016),), W64, cond),
        (Op.SETCC, (R.RDI,), W8, cond),
        (Op.CMOVCC, (R.RCX, BP), W32, cond),
    ]


REFUSED = [
    ("movb %ah, %al", "the register %ah of `mov %ah,%al`", "use %al"),
    ("addb $1, %bh", "the register %bh", "use %bl"),
    ("setc %dh", "the register %dh", "use %dl"),
    ("btsq %rax, (%rdi)", "`bts %rax,(%rdi)` may reach a bit far from", None),
    ("lock btsq %rax, (%rdi)", "may reach a bit far from", None),
    (".byte 0xf0, 0x48, 0x89, 0x07", "are not an instruction", None),
    (".byte 0xf0, 0x48, 0x03, 0x07", "are not an instruction", None),
    (".byte 0xf0, 0x48, 0x01, 0xc0", "are not an instruction", None),
    ("stosq", "`stos %rax,(%rdi)`", None),
    ("rep stosb", "`rep stos %al,(%rdi)`", None),
    ("movq %cr2, %rax", "`mov %cr2,%rax`", None),
    ("movq %rax, %cr8", "`mov %rax,%cr8`", None),
    ("pushw %ax", "`push %ax`", None),
    ("imulq %rax", "`imul %rax`", None),
    ("mulq %rcx", "`mul %rcx`", None),
    ("cqto", "`cqto`", None),
    ("ud2", "`ud2`", None),
    ("loop f", "`loop`", None),
    ("cmpxchgl %ecx, %edx", "`cmpxchg %ecx,%edx` is not supported", None),
    (".byte 0xf3, 0xf3, 0x48, 0xab", "rep prefix", None),
    (".byte 0x66, 0x66, 0x01, 0xc0", "operand-size prefix", None),
    (".byte 0x48, 0x66, 0x01, 0xc0", "REX prefix of `add %ax,%ax` is not the last", None),
    (".byte 0x48, 0x48, 0x01, 0xc0", "REX prefix of `add %rax,%rax` is not the last", None),
    (".byte 0x48, 0xf3, 0x48, 0xab", "is not the last one", None),
    (".byte 0x66, 0xe9, 0, 0, 0, 0", "operand-size prefix", None),
    (".byte 0x66, 0x48, 0x01, 0xc0", "operand-size prefix", None),
    (".byte 0xf3, 0x48, 0x01, 0xc0", "rep prefix", None),
    (".byte 0x2e, 0x75, 0x00", "%cs segment prefix", None),
    (".byte 0x66, 0xf2, 0x01, 0xc0", "repne/bnd prefix", None),
    (".byte 0xf2, 0x48, 0xab", "repne/bnd prefix", None),
    ("ret $8", "`ret $8`", None),
    ("hlt", "`hlt`", None),
    ("pause", "`pause`", None),
    ("movq %fs:(%rax), %rbx", "%fs segment prefix", None),
    ("movq %ds:(%rsp), %rbx", "%ds segment prefix", None),
    ("movq (%eax), %rbx", "address-size prefix", None),
    ("rep ret", "rep prefix", None),
    ("call g", "refers to `g`", None),
    ("movq $f, %rax", "known only after linking", None),
    ("movq d(%rip), %rax", "refers to `.data`", None),
    ("movq g@GOTPCREL(%rip), %rax", "refers to `g`", None),
    (".byte 0x06", "bytes 06, behind this line's code, are not an instruction", None),
]


@pytest.mark.parametrize(("text", "named", "hint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused_by_name(build: Assemble, text: str, named: str, hint: str | None) -> None:
    code = build(f"f: nop\n   {text}\n.data\nd: .quad 1\n")
    with pytest.raises(UserError) as caught:
        decoded(code)
    assert named in caught.value.message
    assert caught.value.expected
    if hint is not None:
        assert hint in (caught.value.hint or "")
    if not text.startswith(".byte"):
        assert caught.value.location.startswith("f.s:2")


def test_references_inside_text_are_filled_in(build: Assemble) -> None:
    code = build(".globl f\nf: call .Lend\n   call f\n   leaq f(%rip), %rax\n.Lend: ret\n")
    instrs = decoded(code)
    assert [instr.operands for instr in instrs[:3]] == [
        (Imm(12),),
        (Imm(-10),),
        (R.RAX, Mem(None, None, 1, -17, rip=True)),
    ]
    assert code.relocations == ()
    assert code.symbols[".Lend"].offset == 17


def test_intel_syntax_and_macros(build: Assemble) -> None:
    code = build(
        ".macro save r, o\n  movq \\r, \\o(%rdi)\n  movq \\r, \\o(%rsi)\n.endm\n"
        "f: save %rbx, 8\n.intel_syntax noprefix\n mov rax, [rdi+16]\n"
    )
    first, second, third = decoded(code)
    assert first.operands == (Mem(R.RDI, None, 1, 8), R.RBX)
    assert second.operands == (Mem(R.RSI, None, 1, 8), R.RBX)
    assert (first.location.line, second.location.line) == (5, 5)
    assert third.operands == (R.RAX, Mem(R.RDI, None, 1, 16))
    assert third.location.line == 7


def test_included_code_keeps_its_file(build: Assemble, tmp_path: Path) -> None:
    (tmp_path / "part.inc").write_text("  nop\n  ret\n")
    instrs = decoded(build('f: nop\n.include "part.inc"\n  nop\n'))
    assert [(i.location.file, i.location.line) for i in instrs] == [
        ("f.s", 1),
        ("part.inc", 1),
        ("part.inc", 2),
        ("f.s", 3),
    ]


def test_the_assembler_refuses_with_its_line(build: Assemble) -> None:
    with pytest.raises(UserError) as caught:
        build("f: nop\n  movq %rax\n  foo bar\n")
    assert caught.value.line == 2
    assert "number of operands mismatch for `mov" in caught.value.message
    assert "1 more" in caught.value.message


def test_an_included_file_that_is_missing(build: Assemble) -> None:
    with pytest.raises(UserError, match=r"can't open none\.inc") as caught:
        build('nop\n.include "none.inc"\n')
    assert caught.value.line == 2


def test_no_assembler(build: Assemble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="not installed") as caught:
        build("nop\n")
    assert caught.value.hint == "apt-get install binutils"


@pytest.mark.parametrize(
    "section", ['.text.cold,"ax"', '.init,"ax"', '.text,"axG",@progbits,group,comdat']
)
def test_code_in_another_section(build: Assemble, section: str) -> None:
    name = section.split(",", maxsplit=1)[0].replace(".", r"\.")
    with pytest.raises(UserError, match=f"in the section `{name}`") as caught:
        build(f"f: nop\n.section {section}\n  nop\n")
    assert caught.value.line == 3


def test_a_weak_symbol_is_left_to_the_linker(build: Assemble) -> None:
    code = build(".weak g\nf: call g\ng: ret\n")
    assert [entry.symbol for entry in code.relocations] == ["g"]
    with pytest.raises(UserError, match="refers to `g`"):
        decoded(code)
