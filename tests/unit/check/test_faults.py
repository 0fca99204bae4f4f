# SPDX-License-Identifier: Apache-2.0
"""The harness that asks whether a wrong program can be proved: its faults, and how it judges."""

from __future__ import annotations

from pathlib import Path

import pytest
from iced_x86 import Decoder

from bench.behaviour import behaviour
from bench.faults import choose, code_of, faults, patches, readable, right_examples
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"


def shown(code: bytes) -> list[str]:
    return [str(one) for one in Decoder(64, code)]


PATCHES = {
    "4c896710": ("mov [rdi+10h],r12", "mov [rdi+18h],r12", "mov [rdi+10h],rdi"),
    "751f": ("jne short 0000000000000021h", "je short 0000000000000021h"),
    "4801f8": ("add rax,rdi", "sub rax,rdi", "xor rax,rdi", "add rdi,rdi"),
    "83e909": ("sub ecx,9", "sub ecx,0Ah", "add ecx,9", "sub edi,9"),
}


@pytest.mark.parametrize("code", PATCHES)
def test_patches_change_one_place_and_no_length(code: str) -> None:
    encoding = bytes.fromhex(code)
    original, *wanted = PATCHES[code]
    assert shown(encoding) == [original]
    found = list(patches(encoding, [0, 7, 12]))
    assert all(len(changed) == len(encoding) and changed != encoding for _, changed in found)
    assert ("left out", b"\x90" * len(encoding)) in found
    assert set(wanted) <= {shown(changed)[0] for _, changed in found}


def test_compiled_examples_have_faults_in_their_code_alone(tmp_path: Path) -> None:
    file = EXAMPLES / "compiled/walk-O2.spec"
    originals = load_fragments(file)
    for fault in choose(list(faults(file)), 12, "x"):
        fragments = readable(fault, tmp_path)
        assert fragments is None or code_of(fragments) != code_of(originals)
        assert fragments is None or len(code_of(fragments)) == len(code_of(originals))


def test_kinds_take_turns() -> None:
    found = list(faults(EXAMPLES / "switch/swtch.s"))
    kinds = {one.kind for one in found}
    assert {"flush left out", "left out", "offset", "register", "order"} <= kinds
    assert {one.kind for one in choose(found, len(kinds), "x")} == kinds
    assert len(choose(found, 10**6, "x")) == len(found)
    assert choose(found, 20, "x") == choose(found, 20, "x")


def test_right_examples_are_no_twins() -> None:
    names = {file.name for file in right_examples()}
    assert {"swtch.s", "walk-O2.spec"} <= names
    assert not any(".wrong" in name for name in names)


def changed(name: str, tmp_path: Path, *edits: tuple[str, str]):
    file = EXAMPLES / name
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / file.name).write_text(text, encoding="utf-8")
    return load_fragments(file)[0], load_fragments(tmp_path / file.name)[0]


def test_what_does_the_same_is_told_from_what_meets_the_specification(tmp_path: Path) -> None:
    same = behaviour(*changed("walk/walk.s", tmp_path, ("movl %edi, %ecx\n", "movq %rdi, %rcx\n")))
    assert same.meets
    assert same.reason.startswith("the same behaviour on")
    other = behaviour(
        *changed(
            "present/next_table.s", tmp_path, ("    movabsq", "    movq $7, %rcx\n    movabsq")
        )
    )
    assert other.meets
    free = behaviour(
        *changed(
            "present/next_table.s", tmp_path, ("    addq %rsi", "    movq $7, %rcx\n    addq %rsi")
        )
    )
    assert free.meets
    assert "with another %rcx" in free.reason


def test_what_is_wrong_is_an_alarm(tmp_path: Path) -> None:
    wrong = behaviour(*changed("kernel/account.s", tmp_path, ("shrq $3", "shrq $4")))
    assert wrong.meets is False
    assert wrong.reason.startswith("counterexample: ")
