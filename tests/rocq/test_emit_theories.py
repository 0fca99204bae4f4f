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
"""


def test_theories_are_accepted(toolchain: Toolchain, library: Library, tmp_path: Path) -> None:
    source = tmp_path / 'a *) Admitted. (* ".s'
    source.write_text(SOURCE, encoding="utf-8")
    theories = [emit_theory(fragment) for fragment in load_fragments(source)]
    assert len(theories) == 6
    file = tmp_path / "all.v"
    asked = "".join(f"Print Assumptions {theory.theorem}.\n" for theory in theories)
    text = "\n".join(theory.text for theory in theories) + asked + "Fail Check injected.\n"
    file.write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Closed under the global context") == len(theories)
