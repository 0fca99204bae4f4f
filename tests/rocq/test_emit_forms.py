# SPDX-License-Identifier: Apache-2.0
"""Forms of instructions in whole theories: what they leave to prove is proved without help."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

SOURCE = """
    .text
#@ spec forall r : root, ra s0 p v : word
#@  space r requires
#@    rdi |->r p * rax |->r _ * rcx |->r _ * rsp |->r s0 * s0 |->v ra * p |->v v * v < 2 * code
#@  exit ra ensures
#@    p |->v 1 * rsp |->r s0 + 8 * rax |->r v
trylock:
    xorl %eax, %eax
    movl $1, %ecx
    lock cmpxchgq %rcx, (%rdi)
    ret
    .size trylock, . - trylock

#@ spec forall r : root, ra s0 a b c d : word
#@  space r requires
#@    rdi |->r a * rsi |->r b * rdx |->r c * rcx |->r d * rsp |->r s0 * s0 |->v ra * code
#@    * a < 0x100000000 * c < 0x100000000
#@  exit ra ensures
#@    rdi |->r a + c * rsi |->r b + d * rsp |->r s0 + 8 * rdx |->r _ * rcx |->r _
add128:
    addq %rdx, %rdi
    adcq %rcx, %rsi
    ret
    .size add128, . - add128

#@ spec forall r : root, ra s0 a c : word
#@  space r requires
#@    rdi |->r a * rdx |->r c * rax |->r _ * rsp |->r s0 * s0 |->v ra * a < c * code
#@  exit ra ensures
#@    rax |->r 0 - 1 * rdi |->r a - c * rdx |->r c * rsp |->r s0 + 8
borrow:
    subq %rdx, %rdi
    sbbq %rax, %rax
    ret
    .size borrow, . - borrow

#@ spec forall r : root, ra s0 p v x : word
#@  space r requires
#@    rdi |->r p * rax |->r x * rsp |->r s0 * s0 |->v ra * p |->v v * code
#@  exit ra ensures
#@    p |->v (v & 0xffffffff) | (x << 32) * rsp |->r s0 + 8 * rax |->r v >> 32
swaphigh:
    xchgl %eax, 4(%rdi)
    ret
    .size swaphigh, . - swaphigh

#@ spec forall r : root, ra s0 x : word
#@  space r requires
#@    rax |->r x * rsp |->r s0 * s0 |->v ra * code
#@  exit ra ensures
#@    rsp |->r s0 + 8 * rax |->r ((x & 0xff) << 8) | ((x >> 8) & 0xff) | (x & 0xffffffffffff0000)
swab:
    rolw $8, %ax
    ret
    .size swab, . - swab

#@ spec forall r : root, ra s0 x : word
#@  space r requires
#@    rax |->r x * rsp |->r s0 * s0 |->v ra * code
#@  exit ra ensures
#@    rsp |->r s0 + 8 * rax |->r x & 1
parity:
    shrq $1, %rax
    jc 1f
    movl $0, %eax
    ret
1:  movl $1, %eax
    ret
    .size parity, . - parity

#@ spec forall r : root, ra s0 p v : word
#@  space r requires
#@    rdi |->r p * rsp |->r s0 * s0 |->v ra * p |->v v * code
#@  exit ra ensures
#@    p |->v (v & 0xffffffff00000000) | ((v + 1) & 0xffffffff) * rsp |->r s0 + 8
inc32:
    lock incl (%rdi)
    ret
    .size inc32, . - inc32

#@ spec forall r : root, ra s0 p v : word
#@  space r requires
#@    rdi |->r p * rax |->r 0 * rsp |->r s0 * s0 |->v ra * p |->v v * v & 32 = 0 * code
#@  exit ra ensures
#@    p |->v v | 32 * rsp |->r s0 + 8 * rax |->r 0
setbit:
    lock btsq $5, (%rdi)
    setc %al
    ret
    .size setbit, . - setbit

#@ spec forall r : root, ra s0 p v x : word
#@  space r requires
#@    rdi |->r p * rax |->r x * rdx |->r _ * rsp |->r s0 * s0 |->v ra * p |->v v * code
#@  exit ra ensures
#@    p |->v (v & 0xffff00ffffffffff) | ((x & 0xff) << 40) * rsp |->r s0 + 8
#@    * rax |->r (v >> 40) & 0xff
swapbyte:
    movzbl 5(%rdi), %edx
    movb %al, 5(%rdi)
    movl %edx, %eax
    ret
    .size swapbyte, . - swapbyte

#@ spec forall r : root, ra s0 p v n : word
#@  space r requires
#@    rdi |->r p * rcx |->r n * rsp |->r s0 * s0 |->v ra * p |->v v * code
#@  exit ra ensures
#@    p |->v v + n * rcx |->r v * rsp |->r s0 + 8
ticket:
    lock xaddq %rcx, (%rdi)
    ret
    .size ticket, . - ticket

#@ spec forall r : root, ra s0 x y : word
#@  space r requires
#@    rax |->r x * rdx |->r y * rsp |->r s0 * s0 |->v ra * x + 1 != 0 * code
#@  exit ra ensures
#@    rax |->r x + 1 * rdx |->r y * rsp |->r s0 + 8
carries:
    addq $1, %rax
    adcq $0, %rdx
    ret
    .size carries, . - carries

#@ spec forall r : root, ra s0 x n : word
#@  space r requires
#@    rax |->r x * rcx |->r n * rsp |->r s0 * s0 |->v ra * code
#@  exit ra ensures
#@    rax |->r x | (1 << (n & 63)) * rcx |->r n * rsp |->r s0 + 8
mark:
    btsq %rcx, %rax
    ret
    .size mark, . - mark
"""


def compiled(text: str, file: Path, toolchain: Toolchain, library: Library) -> str:
    """What the prover says of a theory; nothing where it accepts it."""
    file.write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    return done.stderr if done.returncode else ""


def test_forms_are_proved(toolchain: Toolchain, library: Library, tmp_path: Path) -> None:
    source = tmp_path / "forms.s"
    source.write_text(SOURCE, encoding="utf-8")
    theories = [emit_theory(one).text for one in load_fragments(source)]
    assert len(theories) == SOURCE.count(".size")
    assert compiled("\n".join(theories), tmp_path / "forms.v", toolchain, library) == ""


def test_a_wrong_part_is_not(toolchain: Toolchain, library: Library, tmp_path: Path) -> None:
    source = tmp_path / "forms.s"
    wrong = SOURCE.replace("movb %al, 5(%rdi)", "movb %al, 6(%rdi)")
    assert wrong != SOURCE
    source.write_text(wrong, encoding="utf-8")
    (fragment,) = (one for one in load_fragments(source) if one.name == "swapbyte")
    said = compiled(emit_theory(fragment).text, tmp_path / "forms.v", toolchain, library)
    assert "rocqgen-fact: not solved" in said
