# SPDX-License-Identifier: Apache-2.0
"""Whole files through the real assembler, and what is said about bad ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.fragment import load_fragments
from rocqgen.source.machine import Op
from rocqgen.source.places import accesses
from rocqgen.source.spec import Fragment, Label, Lit, RegPt, Sort, Var, VirtPt

GOLDEN = Path(__file__).with_name("errors.golden")
EXAMPLES = Path(__file__).parents[3] / "examples"

GOOD = """\
# Stores a register.
#@ spec
#@   forall r : root, p b s ra : word
#@   space r
#@   requires rdi |->r p * rbx |->r b * rsp |->r s * p + 8 |->v _ * s |->v{1/2} ra * code
#@   exit ra
#@   ensures rdi |->r p * rbx |->r b * rsp |->r s + 8 * p + 8 |->v b * s |->v{1/2} ra * code
    .globl f
f:
    movq %rbx, 8(%rdi)   #@ at 8 + p
.Lend:
done:
    ret                  #@ expect failed
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that messages name the file alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str) -> tuple[Fragment, ...]:
    Path("f.s").write_text(text)
    return load_fragments("f.s")


@pytest.mark.usefixtures("folder")
def test_a_whole_fragment() -> None:
    (fragment,) = load(GOOD)
    assert fragment.name == "f"
    assert fragment.doc == "Stores a register."
    assert [(i.op, i.offset, i.location.line, i.text) for i in fragment.instrs] == [
        (Op.MOV, 0, 10, "movq %rbx, 8(%rdi)"),
        (Op.RET, 4, 13, "ret"),
    ]
    assert fragment.labels == (("f", 0), ("done", 4))
    spec = fragment.spec
    assert [(name.ident, name.sort) for name in spec.params] == [
        ("r", Sort.ROOT),
        ("p", Sort.WORD),
        ("b", Sort.WORD),
        ("s", Sort.WORD),
        ("ra", Sort.WORD),
        ("u1", Sort.WORD),
    ]
    stored = spec.pre[3]
    assert isinstance(stored, VirtPt)
    assert isinstance(stored.value, Var)
    assert stored.value.ident == "u1"
    assert [hint.offset for hint in spec.hints] == [0]
    assert fragment.expect is not None
    assert (fragment.expect.offset, fragment.expect.location.line) == (4, 13)
    assert accesses(fragment.instrs[0]) == accesses(fragment.instrs[1]) == 1


@pytest.mark.usefixtures("folder")
def test_fragments_end_at_the_next_entry_or_at_their_size() -> None:
    text = (
        "  nop\n"
        + GOOD
        + "    .p2align 4\n"
        + GOOD.replace("f:", "g:")
        .replace("done:", "over:")
        .replace(".Lend:", "")
        .replace(".globl f", ".globl g")
        + "    .size g, . - g\n    hlt\n"
    )
    first, second = load(text)
    assert (first.name, second.name) == ("f", "g")
    assert first.instrs[-1].op is Op.NOP
    assert [instr.offset for instr in second.instrs] == [0, 4]


@pytest.mark.usefixtures("folder")
def test_code_in_front_of_the_first_entry_is_not_looked_at() -> None:
    (fragment,) = load("    call elsewhere\n    hlt\n" + GOOD)
    assert [instr.op for instr in fragment.instrs] == [Op.MOV, Op.RET]


@pytest.mark.usefixtures("folder")
def test_labels_are_words() -> None:
    text = GOOD.replace("exit ra", "exit done").replace("rsp |->r s + 8", "rax |->r done + 1")
    (fragment,) = load(text)
    address = fragment.spec.exits[0].address
    assert isinstance(address, Label)
    assert (address.ident, address.offset) == ("done", 4)


@pytest.mark.usefixtures("folder")
def test_anonymous_names_avoid_those_of_the_spec() -> None:
    text = GOOD.replace("p b s ra :", "p b u1 ra :").replace("|->r s", "|->r u1")
    text = text.replace("s |->v", "u1 |->v").replace("|->v b ", "|->v _ ")
    (fragment,) = load(text)
    assert fragment.spec.params[-1].ident == "u2"
    assert [name.ident for name in fragment.spec.exits[0].exists] == ["u3"]


@pytest.mark.usefixtures("folder")
def test_numbers_are_words() -> None:
    (fragment,) = load(GOOD.replace("|->r b * rsp", "|->r -0x1 * rsp", 1))
    item = fragment.spec.pre[1]
    assert isinstance(item, RegPt)
    assert isinstance(item.value, Lit)
    assert item.value.value == 2**64 - 1


def test_examples_load_and_each_has_twins() -> None:
    paths = sorted(EXAMPLES.glob("*/*.s"))
    assert len(paths) >= 6
    for path in paths:
        fragments = load_fragments(path)
        assert all(fragment.doc for fragment in fragments)
        expected = [fragment for fragment in fragments if fragment.expect is not None]
        assert len(expected) == (".wrong-" in path.name)
    right = {path.name.split(".")[0] for path in paths if ".wrong-" not in path.name}
    assert right == {path.name.split(".")[0] for path in paths if ".wrong-" in path.name}


def edited(*edits: tuple[str, str]) -> str:
    text = GOOD
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


BAD = {
    "escape": edited(("s |->v{1/2} ra", "x. Admitted. Lemma y : False")),
    "no exit": edited(("#@   exit ra\n", ""), ("#@   ensures", "#          ")),
    "no ensures": edited(("#@   ensures", "#          ")),
    "no requires": edited(("requires", "#")),
    "no space": edited(("space r", "")),
    "no star": edited(("b * rsp", "b rsp")),
    "multiplication": edited(("p + 8 |->v _", "p * 8 |->v _")),
    "percent": edited(("rdi |->r p", "%rdi |->r p")),
    "bare arrow": edited(("|->v _", "|-> _")),
    "glued arrow": edited(("rbx |->r b", "rbx |->rb")),
    "double equals": edited(("* code", "* p == b * code")),
    "full stop": edited(("ra * code\n", "ra * code.\n")),
    "two specs": edited(("#@   forall", "#@ spec\n#@   forall")),
    "unclosed": edited(("* code", "* [r] { p |->v 1\n#@      * code")),
    "unknown name": edited(("rbx |->r b", "rbx |->r bb")),
    "unknown sort": edited((": word", ": wrd")),
    "word as root": edited(("space r", "space p")),
    "unknown root": edited(("* code", "* [rr] { code }")),
    "number as root": edited(("space r", "space 0x1000")),
    "fraction as word": edited((": word", ": word, q : fraction"), ("|->v _", "|->v q")),
    "word as fraction": edited(("{1/2}", "{b}")),
    "unknown fraction": edited(("{1/2}", "{q}")),
    "fraction above 1": edited(("{1/2}", "{3/2}")),
    "fraction 0": edited(("{1/2}", "{0}")),
    "octal": edited(("p + 8", "p + 010")),
    "not a number": edited(("p + 8", "p + 8x")),
    "too large": edited(("p + 8", "p + 18446744073709551616")),
    "too small": edited(("p + 8", "p + -9223372036854775809")),
    "register as value": edited(("p + 8 |->v", "rdi + 8 |->v")),
    "register as parameter": edited(("p b s ra", "p b rsp ra")),
    "small register": edited(("rbx |->r b", "ebx |->r b")),
    "control register": edited(("rbx |->r b", "cr3 |->r b")),
    "reserved parameter": edited(("p b s ra", "p b fun ra")),
    "label as parameter": edited(("p b s ra", "p b done ra")),
    "duplicate parameter": edited(("p b s ra", "p b p ra")),
    "duplicate register": edited(("rbx |->r b *", "rbx |->r b * rdi |->r b *")),
    "register in a space": edited(("rbx |->r b", "[r] { rbx |->r b }")),
    "nested spaces": edited(("* code", "* [r] { [r] { code } }")),
    "two wholes": edited(("* code", "* p + 16 - 4 |->v 5 * code")),
    "two codes": edited(("* code", "* code{1/2} * code")),
    "existential fraction": edited(("exit ra", "exit ra exists q : fraction")),
    "anonymous root": edited(("space r", "space _")),
    "exit outside": edited(
        ("exit ra", "exit other"),
        ("#@ expect failed", "\n    .size f, . - f\n    nop\nother:\n    nop"),
    ),
    "exit elsewhere": edited(("exit ra", "exit datum"), ("#@ expect", "\n.data\ndatum: #@ expect")),
    "exit inside an instruction": edited(("exit ra", "exit mid"), (".Lend:", ".set mid, f + 1")),
    "exit at a word of Rocq": edited(("exit ra", "exit end"), ("done:", "end:")),
    "exit at the entry": edited(("exit ra", "exit f")),
    "spec at the end": GOOD + "\n#@ spec\n",
    "spec before code": edited(("    .globl f", "    nop")),
    "spec before a spec": edited(("#@ spec", "#@ spec\n\n#@ spec")),
    "stray block": edited(("    .globl f", "\n#@ forall x : word")),
    "entry in data": ".data\n" + GOOD,
    "entry not assembled": edited(("    .globl f", "    .if 0"), ("done:", "    .endif\nentry:")),
    "entry name": edited((".globl f\nf:", ".globl Qed\nQed:")),
    "local entry": edited((".globl f\nf:", "\n1:")),
    "no code": edited(
        ("    movq %rbx, 8(%rdi)   #@ at 8 + p", ""),
        ("    ret                  #@ expect failed", ""),
    ),
    "hint at no points-to": edited(("at 8 + p", "at 16 + p")),
    "hint with an unknown name": edited(("at 8 + p", "at 8 + x")),
    "hint without access": edited(("movq %rbx, 8(%rdi) ", "movq %rbx, %rdi")),
    "two hints for one access": edited(("at 8 + p", "at 8 + p, s")),
    "hint on a label": edited(("f:", "f: #@ at p")),
    "mark that is none": edited(("at 8 + p", "to 8 + p")),
    "unknown outcome": edited(("expect failed", "expect proved")),
    "two expectations": edited(("at 8 + p", "expect failed")),
    "hint alone": "    nop  #@ at p\n",
    "unannotated": "f: ret\n",
    "assembler": edited(("movq %rbx, 8(%rdi)", "movq %rbx")),
    "unsupported": edited(("movq %rbx, 8(%rdi)", "cqto")),
    "high byte": edited(("movq %rbx, 8(%rdi)", "movb %bh, 8(%rdi)")),
    "bit string": edited(("movq %rbx, 8(%rdi)", "btsq %rbx, 8(%rdi)")),
    "prefix": edited(("movq %rbx, 8(%rdi)", "movq %rbx, %fs:8(%rdi)")),
    "external call": edited(("ret  ", "call g")),
    "code elsewhere": edited(("    .globl f", '    .section .init,"ax"')),
    "crossing an entry": edited(
        (
            "done:",
            ".byte 0x48\n" + GOOD.replace("f:", "h:").replace("done:", "").replace(".Lend:", ""),
        )
    ),
}


def _answer(text: str) -> str:
    with pytest.raises(UserError) as caught:
        load(text)
    assert caught.value.exit_code in {ExitCode.USAGE, ExitCode.NOTHING_FOUND}
    return f"{caught.value.render()}\n  exit code: {int(caught.value.exit_code)}"


@pytest.mark.usefixtures("folder")
def test_bad_input_is_answered_as_it_was_agreed() -> None:
    """Regenerate with UPDATE_GOLDEN=1, and read the difference."""
    answers = "\n\n".join(f"== {name}\n{_answer(text)}" for name, text in BAD.items()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(answers, encoding="utf-8")
    assert answers == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.usefixtures("folder")
def test_the_documented_example_loads() -> None:
    text = (EXAMPLES.parent / "docs" / "annotations.md").read_text(encoding="utf-8")
    example = text.split("```asm\n")[1].split("```")[0]
    (fragment,) = load(example)
    assert fragment.name == "save"
    assert fragment.doc == "Saves a register into a structure that the caller owns."
