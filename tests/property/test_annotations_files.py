# SPDX-License-Identifier: Apache-2.0
"""No file gives anything but fragments or a `UserError`; the assembler is the real one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.source.fragment import load_fragments
from rocqgen.source.reserved import IDENTIFIER

LINES = st.sampled_from(
    [
        "#@ spec forall r : root, p : word space r requires code exit p ensures code",
        "#@ spec",
        "#@   space r",
        "#@ invariant holds code",
        "#@ invariant exists x : word",
        "#@   holds p |->v x * code",
        "#@ assume p forall k : root space k requires emp exit p ensures emp",
        "    nop  #@ first unclaim p in r then drop p",
        "    movq (%rdi), %rax  #@ at p via p",
        "# plain",
        "#",
        "#@",
        "//@ spec",
        "",
        "f:",
        "g: nop",
        "1:",
        ".Lh:",
        "f.2: ret",
        "Qed:",
        "    ret",
        "    nop  #@ expect failed",
        "    movq (%rdi), %rax  #@ at p",
        "    pushq (%rdi)  #@ at p, p + 8",
        "    movl %eax, %ecx",
        "    call g",
        "    call h",
        "    jmp f",
        "    .byte 0x48",
        "    .quad 0",
        "    .globl f",
        "    .size f, . - f",
        "    .size f, 1000000",
        "    .set g, f + 1",
        "    .weak g",
        "    .data",
        "    .text",
        '    .section .init,"ax"',
        "    .macro m",
        "    .endm",
        "    m",
        "    .if 0",
        "    .endif",
        "    .intel_syntax noprefix",
        '    .file 1 "other.c"',
        "    .loc 1 7",
        '# 12 "other.c"',
        '    .include "missing.s"',
        "    .end",
        "/* open",
        "*/",
        '    .ascii "#@ open',
        "    nop; nop  #@ at p",
    ]
)


def outcome(data: bytes) -> UserError | None:
    """What is said about a file; where nothing is, its fragments fit together."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.s"
        path.write_bytes(data)
        try:
            fragments = load_fragments(path)
        except UserError as err:
            return err
    names = {fragment.name for fragment in fragments}
    for fragment in fragments:
        assert IDENTIFIER.match(fragment.name)
        assert fragment.instrs[0].offset == 0
        ends = [instr.offset + instr.length for instr in fragment.instrs]
        assert [instr.offset for instr in fragment.instrs[1:]] == ends[:-1]
        assert all(len(instr.encoding) == instr.length for instr in fragment.instrs)
        offsets = [invariant.offset for invariant in fragment.spec.invariants]
        assert offsets == sorted(set(offsets))
        assert set(offsets) <= {instr.offset for instr in fragment.instrs}
        assert {callee.fragment.name for callee in fragment.callees} <= names
        params = {name.ident for name in fragment.spec.params}
        assert {contract.name for contract in fragment.assumes} <= params
    return None


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_lines_of_assembly(lines: list[str]) -> None:
    caught = outcome("\n".join(lines).encode())
    assert caught is None or caught.message


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=8))
def test_lines_behind_a_good_fragment(lines: list[str]) -> None:
    head = ["#@ spec forall r : root, p : word", "#@ space r requires p |->v 1 * code"]
    caught = outcome("\n".join([*head, "#@ exit p ensures code", "f:", "    nop", *lines]).encode())
    assert caught is None or caught.message


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=80))
def test_bytes(data: bytes) -> None:
    caught = outcome(data)
    assert caught is None or caught.message
