# SPDX-License-Identifier: Apache-2.0
"""Whole theories, with what examples do not have: each is accepted as it was written."""

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
# Two exits that bind the same name; control takes the second.
#@ spec forall r : root, a b c : word space r
#@   requires rax |->r a * rbx |->r b * code * a != b
#@   exit a exists x : word ensures rbx |->r x * x < 5
#@   exit b exists x y : word ensures rax |->r x * x = y + 1 * rbx |->r b
exits: jmp *%rbx
    .size exits, . - exits

# A hint that is found, one that is written, and facts about words that follow from the others.
#@ spec forall r : root, p c i x y e : word, q : fraction space r
#@   requires rdi |->r c * rsi |->r i * rax |->r _ * rbx |->r _ * rcx |->r e * code{q}
#@     * p + 8 |->v x * p + 16 |->v{1/2} y * c = p + 8 * i < 2 * 0 < i * x <= y
#@   exit e
#@   ensures rax |->r y * rbx |->r 3 + x * p + 8 |->v x + 3 * p + 16 |->v{1/2} y
#@     * 0 < i * x <= y * c - 8 = p
facts:
    addq $3, (%rdi)
    movq -8(%rdi,%rsi,8), %rax    #@ at p + 8
    movq (%rdi), %rbx
    movq 8(%rdi), %rax
    jmp *%rcx
    .size facts, . - facts

# Claims, read-only mappings, fractions, a shared frame, names that the theory itself uses.
#@ spec forall vdenote s : root, M vpt entry e : word, q Some0 : fraction space vdenote
#@   requires rdi |->r vpt * rax |->r _ * rcx |->r e * code{Some0} * [s] { code{2/3} }
#@     * vpt ~>{q} M * vpt + 8 |->vr{1/3} entry * M |->p _ * M + 8 |->p{q} 7 * [s] { vpt ~>r{q} M }
#@   exit e exists word0 : word
#@   ensures rax |->r vdenote * M |->p word0 * word0 = entry * vpt + 8 |->vr{1/3} entry
#@     * M + 8 |->p{q} 7 * [s] { vpt ~>r{q} M * code{2/3} }
kinds:
    movq 8(%rdi), %rax
    movq %rax, (%rdi)
    movq %cr3, %rax
    jmp *%rcx
    .size kinds, . - kinds

# Results that are named, in a fact that is left.
#@ spec forall r : root, a b i e : word space r
#@   requires rax |->r a * rbx |->r b * rcx |->r e * rsi |->r i * rdx |->r _ * code
#@   exit e exists x : word ensures rax |->r x * rdx |->r x
named:
    .rept 20
    xorq %rax, %rbx
    addq %rbx, %rax
    .endr
    movq %rax, %rdx
    addq %rsi, %rax
    subq %rsi, %rax
    jmp *%rcx
    .size named, . - named

# A local function, called twice, and an exit at a label.
#@ spec forall r : root, x sp0 : word space r
#@   requires rax |->r x * rsp |->r sp0 * sp0 - 8 |->v _ * code
#@   exit done ensures rax |->r x + 2 * rsp |->r sp0 * sp0 - 8 |->v _ * code
twice:
    call incr
    call incr
    jmp done
incr: addq $1, %rax
    ret
done: nop
    .size twice, . - twice

# *) Admitted. Lemma injected : False. Proof. admit. Admitted. (* " (*
#@ spec forall r : root, e : word space r requires rcx |->r e * code exit e ensures rcx |->r e
escaped:
    nop                            /* *) Admitted. Abort. " (* */
    jmp *%rcx
    .size escaped, . - escaped

# A loop.
#@ spec forall r : root, a n sp0 ra : word, q : fraction space r
#@   requires rax |->r a * rcx |->r n * rsp |->r sp0 * sp0 |->v{q} ra * code{q} * n != 0
#@   exit ra
#@   ensures rax |->r a + n * rcx |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
count:
    nop
#@ invariant exists s i : word
#@   holds rax |->r s * rcx |->r i * s + i = a + n * i != 0 * rsp |->r sp0
#@   * sp0 |->v{q} ra * code{q}
around:
    addq $1, %rax
    subq $1, %rcx
    jne around
    ret
    .size count, . - count

# Two ways that join, and two exits at one address.
#@ spec forall r : root, x e : word space r
#@   requires rax |->r x * rdx |->r _ * rcx |->r e * code
#@   exit e exists y : word ensures rdx |->r y * y < 2 * x < 5
#@   exit e ensures rdx |->r 3 * 4 < x * rax |->r x
ways:
    movl $2, %edx
    cmpq $5, %rax
    jae 2f
    movl $0, %edx
    testq %rax, %rax
    je .Ljoin
    addq $1, %rax
    subq $1, %rax
#@ invariant exists y : word
#@   holds rax |->r x * rdx |->r y * rcx |->r e * y = 0 * x < 5 * code
.Ljoin:
    nop
2:  incq %rdx
    jmp *%rcx
    .size ways, . - ways

# What is called below, twice.
#@ spec forall r : root, x sp1 back : word, q : fraction space r
#@   requires rax |->r x * rsp |->r sp1 * sp1 |->v back * code{q} * x < 9
#@   exit back exists y : word
#@   ensures rax |->r y * y = x + 1 * rsp |->r sp1 + 8 * sp1 |->v back * code{q}
succ:
    addq $1, %rax
    ret
    .size succ, . - succ

#@ spec forall r : root, sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@   exit ra ensures rax |->r 9 * rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
nine:
    movl $7, %eax
    call succ
    call succ
    ret
    .size nine, . - nine

# Functions that call functions, and share one.
#@ spec forall r : root, sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rsp |->r sp0 * sp0 |->v ra * code{q}
#@     * sp0 - 8 |->v _ * sp0 - 16 |->v _
#@   exit ra ensures rax |->r 6 * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
six:
    call nine
    movl $5, %eax
    call succ
    ret
    .size six, . - six

# A function that calls itself.
#@ spec forall r : root, n sp0 : word, q : fraction space r
#@   requires rcx |->r n * rsp |->r sp0 * sp0 |->v _ * code{q}
#@   exit done0 ensures rcx |->r 0 * rsp |->r sp0 * sp0 |->v _ * code{q}
down:
    testq %rcx, %rcx
    je done0
    subq $1, %rcx
    addq $8, %rsp
    call down
done0:
    nop
    .size down, . - down

# Gives a word.
#@ assume alloc
#@   forall r : root, sp1 back : word
#@   space r
#@   requires rax |->r _ * rsp |->r sp1 * sp1 |->v back
#@   exit back exists p : word
#@   ensures rax |->r p * p != 0 * rsp |->r sp1 + 8 * sp1 |->v back * p |->v _
#@   exit back
#@   ensures rax |->r 0 * rsp |->r sp1 + 8 * sp1 |->v back

# Calls what it is given.
#@ spec forall r : root, alloc sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rbx |->r alloc * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@   exit ra exists p : word
#@   ensures rax |->r p * p |->v 7 * rbx |->r alloc * rsp |->r sp0 + 8 * sp0 |->v ra
#@     * sp0 - 8 |->v _ * code{q}
#@   exit ra
#@   ensures rax |->r 0 * rbx |->r alloc * rsp |->r sp0 + 8 * sp0 |->v ra
#@     * sp0 - 8 |->v _ * code{q}
seven:
    call *%rbx
    testq %rax, %rax
    je 1f
    movq $7, (%rax)
1:  ret
    .size seven, . - seven

#@ spec forall r : root, alloc sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rbx |->r alloc * rsp |->r sp0 * sp0 |->v ra * code{q}
#@     * sp0 - 8 |->v _ * sp0 - 16 |->v _
#@   exit ra ensures rax |->r _ * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
both:
    call seven
    call *%rbx
    ret
    .size both, . - both
"""


def test_theories_are_accepted(toolchain: Toolchain, library: Library, tmp_path: Path) -> None:
    source = tmp_path / 'a *) Admitted. (* ".s'
    source.write_text(SOURCE, encoding="utf-8")
    theories = [emit_theory(fragment) for fragment in load_fragments(source)]
    assert [one.theorem.removesuffix("_correct") for one in theories if one.assuming] == [
        "seven",
        "both",
    ]
    file = tmp_path / "all.v"
    # What a fragment calls is in its theory, too.
    parts = [f"Module T{n}.\n{one.text}\nEnd T{n}.\n" for n, one in enumerate(theories)]
    # Asked of all theorems at once: that takes as long as asking of one.
    all_of_them = ", ".join(f"@T{n}.{one.theorem}" for n, one in enumerate(theories))
    asked = f"Definition everything := ({all_of_them}).\nPrint Assumptions everything.\n"
    text = "\n".join([*parts, asked, "Fail Check injected.\n"])
    file.write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Closed under the global context") == 1
