# SPDX-License-Identifier: Apache-2.0
"""What Python says that the engine will do, the engine does: on random fragments, in one file.

Existentials in the postcondition take the values that Python found at the exit: so a residual fact
that is not as predicted, a name, a hint, an offset or a tag that differs makes the file fail.
"""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory, gallina
from rocqgen.emit.develop import develop
from rocqgen.emit.instruction import integer
from rocqgen.emit.symbolic import HAt, HCall, HNone, Missing, Residual, Stuck
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain
    from rocqgen.source.spec import Fragment

pytestmark = pytest.mark.rocq

COUNT = 60
MOST_FORKS = 3
FREE = ("rax", "rcx", "rdx", "r8", "r9")
"""Registers that code may change; the others hold addresses and the root of the other space."""
FIXED = {"rdi": "p", "rsi": "c", "r10": "p + 8", "r11": "s", "rbx": "i"}
CELLS = {"rdi": range(0, 40, 8), "rsi": (-16, -8, 0, 8, 16), "r10": range(-8, 32, 8)}
"""Displacements at which memory is owned; rsi is an alias, by an equation."""


def low(reg: str, bits: int) -> str:
    """The name of the low part of a register."""
    letter = {8: "b", 16: "w", 32: "d"}[bits]
    if reg[1:].isdigit():
        return reg + letter
    return {8: f"{reg[1]}l", 16: reg[1:], 32: f"e{reg[1:]}"}[bits]


class Writer:
    """Writes one fragment with its annotation."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.other = self.random.random() < 0.3
        self.forks = 0
        self.frac = self.random.choice(["", "{q}", "{1/2}"])
        self.last = self.random.choice(["r", self.frac])
        self.loops = not self.other and self.random.random() < 0.3

    def text(self) -> str:
        lines = [
            *self.spec(),
            f"{self.name}:",
            *self.code(),
            f"    .size {self.name}, . - {self.name}",
        ]
        return "\n".join(lines) + "\n"

    def spec(self) -> list[str]:
        pre = [f"{reg} |->r {self.value(f'x_{reg}')}" for reg in FREE]
        pre += [f"{reg} |->r {value}" for reg, value in FIXED.items()]
        pre += ["rsp |->r sp0 + 8", "c = p + 16", "i < 4", "code{q}"]
        cells = [f"p + {d} |->v v{d}" for d in (0, 8, 24)] + ["p + 16 ~> pf", "pf |->p v16"]
        cells += [f"p + 32 |->v{self.last} v32"]
        stack = "sp0 + 8 |->v ra * sp0 |->v _ * sp0 - 8 |->v _"
        there = f"p |->v w0 * p + 8 ~> pf * {stack} * code{{q}}"
        post = [f"{reg} |->r {self.random.choice(['_', '_', '_', 'p'])}" for reg in FREE]
        post += [f"p + {d} |->v {self.random.choice(['_', '_', f'v{d}'])}" for d in (0, 8)]
        post += [self.random.choice(["pf |->p v16", "pf |->p _", "rsp |->r sp0 + 16"])]
        post += [self.random.choice(["i < 4", "p + 24 |->v{1/2} _", "c - 16 = p", "rbx |->r i"])]
        exit_space = "s" if self.other else "r"
        inside = " * ".join(post[5:7])
        memory = f"[r] {{ {inside} }}" if self.other else inside
        return [
            "#@ spec",
            "#@  forall r s : root, p c i pf sp0 ra w0 v0 v8 v16 v24 v32 : word, q : fraction,",
            f"#@    {' '.join(f'x_{reg}' for reg in FREE)} : word",
            "#@  space r requires",
            f"#@    {' * '.join(pre)}",
            f"#@    * {' * '.join(cells)} * {stack} * [s] {{ {there} }}",
            f"#@  exit ra space {exit_space} ensures",
            f"#@    {' * '.join(post[:5])} * {memory} * {' * '.join(post[7:])}",
        ]

    def invariant(self) -> str:
        """What holds between any two instructions, of values that nobody knows."""
        regs = [f"{reg} |->r y_{reg}" for reg in FREE]
        regs += [f"{reg} |->r {value}" for reg, value in FIXED.items()] + ["rsp |->r sp0 + 8"]
        cells = [f"p + {d} |->v z{d}" for d in (0, 8, 24)] + ["p + 16 ~> pf", "pf |->p z16"]
        cells += [f"p + 32 |->v{self.last} _", "sp0 + 8 |->v ra * sp0 |->v _ * sp0 - 8 |->v _"]
        facts = self.random.choice(["", " * y_rax = x_rax", " * y_rcx < y_rdx", " * z0 != 1"])
        names = " ".join([*(f"y_{reg}" for reg in FREE), "z0 z8 z16 z24"])
        return (
            f"#@ invariant exists {names} : word\n"
            f"#@   holds {' * '.join([*regs, 'code{q}'])}\n"
            f"#@   * {' * '.join(cells)}{facts}"
        )

    def value(self, default: str) -> str:
        return self.random.choice([default, default, "p + 3", "5", "i << 2", "-1"])

    def code(self) -> list[str]:
        count = self.random.choice([1, 3, 8, 30])
        body = [self.instruction() for _ in range(count)]
        # Results that grow until they are named.
        body += ["xorq %rax, %rcx", "addq %rcx, %rax"] * self.random.choice([0, 0, 20])
        if self.other:
            body.insert(self.random.randrange(len(body) + 1), "movq %r11, %cr3")
        if self.random.random() < 0.4:
            for _ in range(self.random.choice([1, 2])):
                body.insert(self.random.randrange(len(body) + 1), "call helper")
        if self.loops:
            label = f"{self.name}_loop"
            place = self.random.randrange(len(body) + 1)
            body.insert(place, f"\n{self.invariant()}\n{label}:")
            if self.random.random() < 0.7:
                back = f"cmpq %rax, %rdx\n    j{self.random.choice(['e', 'b', 'ge'])} {label}"
                body.insert(self.random.randrange(place + 1, len(body) + 1), back)
        ending = ["ret"] if self.random.random() < 0.9 else ["jmp *%rax"]
        return [f"    {line}" for line in (*body, *ending)]

    def narrow(self) -> str:
        """An instruction of 32 bits or less, or one that sets flags alone."""
        pick = self.random.choice
        a, b = pick(FREE), pick((*FREE, "rbx"))
        return pick(
            [
                f"movl %{low(b, 32)}, %{low(a, 32)}",
                f"movl ${pick([0, 7, -1])}, %{low(a, 32)}",
                f"movb %{low(b, 8)}, %{low(a, 8)}",
                f"movw ${pick([0, 7, -1])}, %{low(a, 16)}",
                f"movzbl %{low(b, 8)}, %{low(a, 32)}",
                f"movzwq %{low(b, 16)}, %{a}",
                f"movslq %{low(b, 32)}, %{a}",
                f"movsbw %{low(b, 8)}, %{low(a, 16)}",
                f"{pick(['add', 'sub', 'and', 'or', 'xor'])}l %{low(b, 32)}, %{low(a, 32)}",
                f"{pick(['add', 'and', 'xor'])}b ${pick([1, 15])}, %{low(a, 8)}",
                f"{pick(['shl', 'shr', 'sar'])}l ${pick([1, 4, 31])}, %{low(a, 32)}",
                f"sar{pick(['q $3', 'q %cl'])}, %{a}",
                f"{pick(['rol', 'ror'])}q $8, %{a}",
                f"{pick(['inc', 'dec'])}{pick(['q', 'l'])} %{a}".replace(
                    f"l %{a}", f"l %{low(a, 32)}"
                ),
                f"leal 4(%{b}), %{low(a, 32)}",
                f"imulq ${pick([3, -1])}, %{b}, %{a}",
                f"cmpq {pick([f'%{b}', '$5', self.memory()])}, %{a}",
                f"testb $1, %{low(a, 8)}",
                f"mov{pick(['l', 'zbl', 'zwl'])} {self.memory()}, %{low(a, 32)}",
                f"movs{pick(['b', 'w', 'l'])}q {self.memory()}, %{a}",
                f"{pick(['cmpl', 'testb', 'cmpw'])} $1, {self.memory()}",
                f"addl {self.memory()}, %{low(a, 32)}",
                f"{pick(['neg', 'not'])}q %{a}",
                f"{pick(['neg', 'not'])}l %{low(a, 32)}",
            ]
        )

    def wide(self) -> str:
        """Exchanges, bits and parts of words in memory."""
        pick = self.random.choice
        a, b, memory = pick(FREE), pick(FREE), self.memory()
        bits = pick([8, 16, 32])
        letter = {8: "b", 16: "w", 32: "l"}[bits]
        part = self.part(bits)
        return pick(
            [
                f"mov{letter} %{low(a, bits)}, {part}",
                f"mov{letter} ${pick([0, 7, -1])}, {part}",
                f"mov{letter} {part}, %{low(a, bits)}",
                f"{pick(['add', 'sub', 'and', 'or', 'xor'])}{letter} %{low(a, bits)}, {part}",
                f"{pick(['inc', 'dec', 'neg', 'not'])}{letter} {part}",
                f"{pick(['shl', 'sar', 'ror'])}{letter} ${pick([1, 3])}, {part}",
                f"movzbl {self.part(8)}, %{low(a, 32)}",
                f"movswq {self.part(16)}, %{a}",
                f"cmpb $0, {self.part(8)}",
                f"{pick(['rol', 'ror'])}{letter} {pick(['$3', '$17', '%cl'])}, %{low(a, bits)}",
                f"xchgq %{a}, {pick([f'%{b}', memory])}",
                f"xchg{letter} %{low(a, bits)}, {pick([f'%{low(b, bits)}', part])}",
                f"xaddq %{a}, {pick([f'%{b}', memory])}",
                f"xadd{letter} %{low(a, bits)}, {pick([f'%{low(b, bits)}', part])}",
                f"bt{pick(['', 's', 'r', 'c'])}q {pick(['$5', '$70', f'%{b}'])}, %{a}",
                f"bt{pick(['', 's', 'r', 'c'])}q ${pick([0, 63])}, {memory}",
                f"bt{pick(['s', 'r', 'c'])}l {pick(['$5', f'%{low(b, 32)}'])}, %{low(a, 32)}",
                f"bt{pick(['', 's'])}w $9, {self.part(16)}",
            ]
        )

    def part(self, bits: int) -> str:
        """A part of a word in memory."""
        base = self.random.choice(["rdi"] * 6 + ["r10"] * 2 + ["rsi"])
        word = self.random.choice([d for d in CELLS[base] if d != 32 or base != "rdi"])
        if self.other:
            base, word = "rdi", 0
        inside = self.random.choice([0, 0, *range(9 - bits // 8)])
        return f"{word + inside}(%{base})"

    def fork(self) -> str:
        """A comparison, and what depends on it; now and then the flags of what was before."""
        pick = self.random.choice
        a, b = pick(FREE), pick((*FREE, "rbx"))
        cond = pick(["e", "ne", "b", "ae", "be", "a", "l", "ge", "le", "g", "s", "ns", "b", "o"])
        self.forks += 1
        compare = [
            f"cmpq {pick([f'%{b}', '$5'])}, %{a}",
            f"cmpl ${pick([0, 5])}, %{low(a, 32)}",
            f"test{pick(['q', 'l'])} %{a}, %{a}".replace(
                f"l %{a}, %{a}", f"l %{low(a, 32)}, %{low(a, 32)}"
            ),
            f"subq $1, %{a}",
            f"bt{pick(['q $63', 'l $5', 'q $0'])}, %{a}".replace(
                f"l $5, %{a}", f"l $5, %{low(a, 32)}"
            ),
            f"shlq ${pick([1, 7])}, %{a}",
            f"{pick(['shr', 'sar'])}{pick(['q', 'l'])} $4, %{a}".replace(
                f"l $4, %{a}", f"l $4, %{low(a, 32)}"
            ),
            f"addq %{b}, %{a}",
            f"incq %{a}",
            f"rorq $1, %{a}",
            f"negl %{low(a, 32)}",
            "nop",
        ]
        then = [
            f"{pick(['adc', 'sbb'])}q {pick([f'%{b}', '$0', self.memory()])}, %{a}",
            f"{pick(['adc', 'sbb'])}q %{b}, {self.memory()}",
            f"{pick(['adc', 'sbb'])}b $3, {self.part(8)}",
            f"{pick(['adc', 'sbb'])}l %{low(b, 32)}, %{low(a, 32)}",
            f"set{cond} {self.part(8)}",
            f"j{cond} 1f\n    {self.narrow()}\n1:",
            f"j{cond} 1f\n    movq {self.memory()}, %{a}\n1:",
            f"set{cond} %{low(a, 8)}",
            f"cmov{cond}q %{b}, %{a}",
            f"cmov{cond}l %{low(b, 32)}, %{low(a, 32)}",
        ]
        exchange = [
            f"cmpxchgq %{a}, {pick([f'%{pick(FREE)}', self.memory()])}",
            f"cmpxchgl %{low(a, 32)}, {self.part(32)}",
            f"cmpxchgb %{low(a, 8)}, {self.part(8)}",
        ]
        if self.random.random() < 0.15:
            return f"{pick(exchange)}\n    je 1f\n    {self.narrow()}\n1:"
        return f"{pick([*compare, *compare[:5]])}\n    {pick(then)}"

    def instruction(self) -> str:
        if self.forks < MOST_FORKS and self.random.random() < 0.12:
            return self.fork()
        if self.random.random() < 0.25:
            return self.narrow()
        if self.random.random() < 0.2:
            return self.wide()
        pick = self.random.choice
        a, b, memory = pick(FREE), pick((*FREE, "rbx")), self.memory()
        op = pick(["add", "sub", "and", "or", "xor"])
        return pick(
            [
                f"movq {memory}, %{a}",
                f"movq %{b}, {memory}",
                f"movq ${pick([0, 1, -1, 77, 2**31 - 1])}, {pick([memory, f'%{a}'])}",
                f"movabsq ${pick([2**63, 2**64 - 1, 2**40])}, %{a}",
                f"{op}q %{b}, %{a}",
                f"{op}q %{b}, %{a}",
                f"{op}q {memory}, %{a}",
                f"{op}q %{b}, {memory}",
                f"{op}q ${pick([1, -8, 255])}, %{a}",
                f"{pick(['shl', 'shr'])}q ${pick([0, 1, 3, 63])}, %{a}",
                f"{pick(['shl', 'shr'])}q %cl, %{a}",
                f"leaq {pick([-8, 0, 24])}(%{b},%{a},{pick([1, 2, 4, 8])}), %{a}",
                f"pushq %{a}\n    popq %{b if b in FREE else a}",
                f"pushq {memory}\n    popq %{a}",
                f"pushq ${pick([3, -3])}\n    popq {memory}",
                "call 1f\n1: popq %rax",
                "jmp 1f\n1:",
                "movq %cr3, %rax",
                "nop",
            ]
        )

    def memory(self) -> str:
        if self.random.random() < 0.03:
            return "64(%rdi)"
        base = self.random.choice(["rdi"] * 6 + ["r10"] * 2 + ["rsi"])
        displacement = self.random.choice([d for d in CELLS[base] if d != 32 or base != "rdi"])
        if self.other:
            base, displacement = "rdi", 0
        return f"{displacement}(%{base})"


HELPER = """
#@ spec forall r : root, a b s t : word, q : fraction space r
#@   requires rax |->r a * rcx |->r b * rsp |->r s * s |->v t * a <= b * code{q}
#@   exit t exists c : word
#@   ensures rax |->r c * c = a + b * rcx |->r b * rsp |->r s + 8 * s |->v t * code{q}
#@   exit t
#@   ensures rax |->r 0 * rcx |->r b * rsp |->r s + 8 * s |->v t * a != 5 * code{q}
helper:
    addq %rcx, %rax
    ret
    .size helper, . - helper
"""


def filling(
    name: str, memory: str, code: str, after: str = "emp", facts: str = "emp", platform: str = ""
) -> str:
    """A fragment with blocks: what `rep stosq`, or a store into a part of a word, makes of them."""
    lines = "\n".join(f"    {line}" for line in code.split("; "))
    return f"""
#@ spec forall r : root, p f n m v x out : word, A : array, q : fraction space r {platform}
#@   requires rdi |->r p * rcx |->r n * rax |->r v * rbx |->r out * {memory} * {facts} * code{{q}}
#@   exit out exists d c : word ensures rdi |->r d * rcx |->r c * rax |->r v * {after} * code{{q}}
{name}:
{lines}
    jmp *%rbx
    .size {name}, . - {name}
"""


BLOCKS = [
    filling("b_whole", "p[n] |->v _", "rep stosq", "p[n] |->v v"),
    filling("b_array", "p[n] |->v A", "rep stosq", "p[n] |->v v"),
    filling("b_less", "p[n] |->v 0", "decq %rcx; rep stosq", "p[n] |->v _", "0 < n"),
    filling("b_most", "p[m] |->v _", "rep stosq", "p[n] |->v v", "n <= m"),
    filling("b_wrong", "p[n] |->v _", "rep stosq", "p[n] |->v 0"),
    filling(
        "b_part", "p[8] |->v x", "addq $16, %rdi; movl $3, %ecx; rep stosq", "(p + 16)[3] |->v v"
    ),
    filling("b_short", "p[8] |->v x", "movl $7, %ecx; rep stosq", "p[8] |->v v"),
    filling(
        "b_join",
        "p[2] |->v 0 * (p + 16)[2] |->v _ * p + 32 |->v 1",
        "movl $5, %ecx; rep stosq",
        "p[5] |->v v",
    ),
    filling("b_word", "p |->v x", "movl $1, %ecx; rep stosq", "p[1] |->v v"),
    filling("b_page", "page p ~> f * f[512] |->p 7", "movl $512, %ecx; rep stosq", "f[512] |->p v"),
    filling(
        "b_inside",
        "page p ~> f * f[512] |->p 7",
        "addq $64, %rdi; movl $8, %ecx; rep stosq",
        "(f + 64)[8] |->p v",
    ),
    filling("b_long", "page p ~> f * f[n] |->p 7", "rep stosq", "f[n] |->p v", "n <= 512"),
    filling("b_frame", "p ~> f * f |->p 7", "movl $1, %ecx; rep stosq", "f[1] |->p v"),
    filling("b_read", "p[n] |->vr _", "rep stosq"),
    filling("b_shared", "p[n] |->v{q} _", "rep stosq"),
    filling("b_none", "p[n] |->v _", "addq $3, %rdi; rep stosq"),
    filling("b_byte", "p[1] |->v x", "movb %al, 3(%rdi)", "p[1] |->v _"),
    filling("b_known", "p[1] |->v 5", "movw $1, 2(%rdi)", "p[1] |->v 0x10005"),
    filling("b_unknown", "p[1] |->v _", "movb %al, 3(%rdi)", "p[1] |->v v"),
    filling("b_larger", "p[4] |->v 0", "movl $1, 20(%rdi)", "p + 16 |->v 1 << 32"),
    filling("b_same", "p[m] |->v 5", "movb $5, (%rdi,%rcx,8)", "p[m] |->v 5", "n < m"),
    filling("b_lost", "p[n] |->v _", "movb $5, (%rdi)", "p[n] |->v _", "0 < n"),
    filling("b_via", "page p ~> f * f[1] |->p 5", "movb $1, 3(%rdi)", "f[1] |->p 0x1000005"),
]


CONTROLS = [
    filling("c_read", "cr0 |->r x", "movq %cr0, %rcx", "cr0 |->r x", platform="platform"),
    filling(
        "c_write",
        "cr4 |->r x",
        "movq %cr4, %rcx; orq $8, %rcx; movq %rcx, %cr4",
        "cr4 |->r x | 8",
        "x & 0x1f200a0 = 0x300020",
        platform="platform la57",
    ),
    filling("c_other", "cr0 |->r x", "movq %rax, %cr0", "cr0 |->r v", platform="platform"),
    filling("c_constant", "cr0 |->r 0x80050033", "movq %cr0, %rcx", platform="platform"),
    filling("c_nothing", "emp", "movq %cr0, %rcx", platform="platform"),
    filling("c_unknown", "cr4 |->r x", "movq %cr4, %rcx"),
]


def fragments(folder: Path) -> tuple[Fragment, ...]:
    file = folder / "random.s"
    parts = [Writer(f"f{n}", n).text() for n in range(COUNT)]
    file.write_text(
        "    .text\n" + "\n".join([HELPER, *parts, *BLOCKS, *CONTROLS]), encoding="utf-8"
    )
    return load_fragments(file)


def vernacular(fragment: Fragment) -> str:
    """The theory up to the run's lemma; where the run gives nothing, a lemma that says so."""
    name, verdict = fragment.name, develop(fragment)[-1].made.verdict
    # What it calls is the same in all theories: the file has it once.
    text = emit_theory(fragment).text
    start = text.index(
        f"Definition {name}_own" if f"{name}_own :" in text else f"Definition {name}_code"
    )
    head, rest = text[start:].split(f"  Lemma {name}_run :")
    if isinstance(verdict, Residual):
        lemma = rest.partition("Proof.")[0] + "Proof. vm_compute. reflexivity. Qed."
        return f"{head}  Lemma {name}_run :{lemma}\nEnd {name}_data.\n"
    shown = {
        Stuck: lambda: f"RunStuck _ z _ _ => z = {integer(verdict.offset)}",
        Missing: lambda: f"PostMissing _ _ t _ => t = {gallina.tag(verdict.tag)}",
    }[type(verdict)]()
    check = rest.partition("clean (")[2].partition(") = true.")[0]
    return (
        f"{head}  Goal match {check} with {shown} | _ => False end.\n"
        f"  Proof. vm_compute. reflexivity. Qed.\nEnd {name}_data.\n"
    )


def test_random_fragments_are_many_sided(tmp_path: Path) -> None:
    plans = [develop(fragment)[-1].made for fragment in fragments(tmp_path)]
    verdicts = [one.verdict for one in plans]
    residual = [one for one in verdicts if isinstance(one, Residual)]
    assert len(residual) > COUNT / 3
    assert sum(isinstance(one, Stuck) for one in verdicts) > 3
    assert sum(isinstance(one, Missing) for one in verdicts) > 1
    segments = [segment for one in residual for segment in one.segments]
    hints = [hint for one in plans for plan in one.segments for _, hint in plan.hints]
    assert {HAt, HCall, HNone} <= set(map(type, hints))
    assert any(one.facts for one in segments[1:])
    assert any(term is not None for one in segments for _, term in one.names)
    assert any(term is None for one in residual for _, term in one.segments[0].names)
    assert any(leaf.witness for one in plans for plan in one.segments for leaf in plan.leaves)
    assert any(leaf.end == 1 for one in plans for plan in one.segments for leaf in plan.leaves)
    assert any(len(owe.path) > 1 for one in residual for owe in one.facts)
    assert sum(len(one.segments) > 1 for one in residual) > 3


def test_the_engine_does_as_predicted(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    file = tmp_path / "predicted.v"
    helper, *others = fragments(tmp_path)
    parts = [emit_theory(helper).text, *map(vernacular, others)]
    text = "\n".join(parts)
    file.write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
