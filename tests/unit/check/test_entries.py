# SPDX-License-Identifier: Apache-2.0
"""Fragments that edit page tables: tables are real, and the TLB may hold what it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.check import Verdict
from rocqgen.check.oracle import unicorn_oracle
from rocqgen.check.search import Options, check
from rocqgen.check.stale import Watch
from rocqgen.check.states import States
from rocqgen.check.subject import Subject
from rocqgen.check.translate import Walker
from rocqgen.check.words import value
from rocqgen.cpu import Leaf
from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

HEAD = """#@ spec forall r : root, va pa s4 s3 s2 s1 e4 e3 e2 e1 slot x : word, q f : fraction
#@ space r platform maxphyaddr 40
#@ requires
#@     rdi |->r va * rsi |->r slot * rax |->r x
#@   * s4 = (r & 0x000ffffffffff000) + ((va >> 39 & 511) << 3)
#@   * s3 = (e4 & 0x000ffffffffff000) + ((va >> 30 & 511) << 3)
#@   * s2 = (e3 & 0x000ffffffffff000) + ((va >> 21 & 511) << 3)
#@   * s1 = (e2 & 0x000ffffffffff000) + ((va >> 12 & 511) << 3)
#@   * s4 |->e{f} e4 * s3 |->e{f} e3 * s2 |->e{f} e2
#@   * slot ~>{q} s1 * code{q}
"""
UPPER = "rdi |->r va * rsi |->r slot * s4 |->e{f} e4 * s3 |->e{f} e3 * s2 |->e{f} e2"
OWN = "answers va in r claims va in r"


def fragment(folder: Path, pre: str, post: str, code: str, kept: str = UPPER) -> Fragment:
    """A fragment that has the entries on the way to `va` and a mapping of the last of them."""
    path = folder / "f.s"
    body = "\n".join(f"    {line}" for line in code.split("; "))
    text = f"{HEAD}#@   * {pre}\n#@ exit done ensures {kept} * {post}\n"
    path.write_text(f"{text}.globl edit\nedit:\n{body}\ndone: nop\n", encoding="utf-8")
    (found,) = load_fragments(path)
    return found


PROTECT = (
    f"s1 |->e e1 {OWN} * page va ~> pa",
    f"rax |->r _ * s1 |->e e1 & ~2 {OWN} * page va ~>r pa".replace("~2", "0xfffffffffffffffd"),
)
RIGHTS = " * ".join(f"{name} & 0x000fff0000000083 = 3" for name in ("e4", "e3", "e2"))
EMPTY = f"{RIGHTS} * s1 |->e 0 answers va in r claims none"
UNMAP = (f"s1 |->e e1 {OWN} * page va ~> pa", "rax |->r x * s1 |->e 0 answers va in r claims none")
MAP = (
    f"{EMPTY} * x = pa | 3 * pa & 0xfff = 0 * va & 0xfff = 0 * pa < 0x10000000",
    f"rax |->r x * s1 |->e x {OWN} * page va ~> pa",
)
DEBT = (
    "s1 |->e 0 answers va in r claims none owes va in r",
    "rax |->r x * s1 |->e 0 answers va in r claims none",
)
GOOD = {
    "protect": (*PROTECT, "movq (%rsi), %rax; andq $-3, %rax; movq %rax, (%rsi); invlpg (%rdi)"),
    "unmap": (*UNMAP, "movq $0, (%rsi); invlpg (%rdi)"),
    "unmap, and load cr3": (
        UNMAP[0],
        UNMAP[1].replace("x *", "_ *", 1),
        "movq $0, (%rsi); movq %cr3, %rax; movq %rax, %cr3",
    ),
    "unmap and owe": (UNMAP[0], f"{UNMAP[1]} owes va in r", "movq $0, (%rsi)"),
    "unmap and answer for nothing": (
        UNMAP[0],
        "rax |->r x * s1 |->e 0 answers none claims none",
        "movq $0, (%rsi)",
    ),
    "map": (*MAP, "movq %rax, (%rsi)"),
    "pay": (*DEBT, "invlpg (%rdi)"),
}
BAD = {
    "no flush": (*PROTECT, "movq (%rsi), %rax; andq $-3, %rax; movq %rax, (%rsi)", 17),
    "flush of another page": (*UNMAP, "movq $0, (%rsi); invlpg (%rsi)", 15),
    "flush before the store": (*UNMAP, "invlpg (%rdi); movq $0, (%rsi)", 16),
    "debt not paid": (*DEBT, "nop", 15),
    "no flush, and less is kept": (
        UNMAP[0],
        "rax |->r x * s1 |->e 0 answers va in r claims none",
        "movq $0, (%rsi)",
        15,
        "rdi |->r va * rsi |->r slot",
    ),
    "another entry": (*MAP, "addq $0x1000, %rax; movq %rax, (%rsi); subq $0x1000, %rax", 16),
    "claimed by others": (
        "s1 |->e e1 answers va in r claims va in r",
        "rax |->r x * s1 |->e 0 answers va in r claims none",
        "movq $0, (%rsi); invlpg (%rdi)",
        15,
    ),
    "a part of an entry is owned": (
        "s1 |->e{q} e1",
        "rax |->r x * s1 |->e{q} 0",
        "movq $0, (%rsi); invlpg (%rdi)",
        15,
    ),
    "claims that are not listed": (
        MAP[0],
        "rax |->r x * s1 |->e x answers va in r claims none * page va ~> pa",
        "movq %rax, (%rsi)",
        15,
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_edits_that_are_right(case: str, tmp_path: Path) -> None:
    result = check(fragment(tmp_path, *GOOD[case]))
    assert (result.verdict, result.states) == (Verdict.OK, 50), result.story


@pytest.mark.parametrize("case", BAD)
def test_edits_that_are_wrong(case: str, tmp_path: Path) -> None:
    pre, post, code, line, *kept = BAD[case]
    result = check(fragment(tmp_path, pre, post, code, *kept))
    assert result.failed, result.reason
    assert result.location is not None
    assert result.location.line == line


@pytest.mark.parametrize("case", ["protect", "map", "unmap, and load cr3"])
def test_unicorn_walks_the_same_tables(case: str, tmp_path: Path) -> None:
    options = Options(states=12, oracle=unicorn_oracle())
    result = check(fragment(tmp_path, *GOOD[case]), options)
    assert (result.verdict, result.oracle) == (Verdict.OK, "")


def test_walks_go_through_the_entries_that_are_owned(tmp_path: Path) -> None:
    states = States(Subject(fragment(tmp_path, *GOOD["protect"])), 0)
    for number in range(20):
        machine = states.next(number)
        words = machine.choice.words
        walker = Walker(machine.state, machine.choice.mode, frozenset(machine.tables.frames))
        stages = list(walker.stages(words["r"], words["va"]))
        assert stages == [
            (39, words["s4"]),
            (30, words["s3"]),
            (21, words["s2"]),
            (12, words["s1"]),
        ]
        leaf = walker.walk(words["r"], words["va"])
        assert isinstance(leaf, Leaf)
        assert leaf.translate(words["va"]) == words["pa"]
        for item in machine.subject.pre.entries:
            at = value(item.addr, words)
            assert machine.state.memory.read(at, 8) == value(item.value, words)


def test_pages_beside_may_be_claimed_by_others(tmp_path: Path) -> None:
    """An entry above is in use by others, too: to write it breaks what they rely on."""

    found = fragment(tmp_path, f"{RIGHTS} * s1 |->e e1", "rax |->r x", "nop")
    states, seen = States(Subject(found), 0), 0
    for number in range(30):
        machine = states.next(number)
        walker = Walker(machine.state, machine.choice.mode, frozenset(machine.tables.frames))
        watch = Watch(machine, walker, machine.state)
        assert not watch.broken()
        machine.state.memory.write(machine.choice.words["s2"], bytes(8))
        walker.forget()
        seen += bool(watch.broken())
    assert seen > 5
