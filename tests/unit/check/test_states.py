# SPDX-License-Identifier: Apache-2.0
"""The states that the pre-check runs satisfy the precondition, and differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.check.choice import STRATEGIES, Choice, base_of
from rocqgen.check.ends import Arrived
from rocqgen.check.machine import Machine
from rocqgen.check.resident import Conflict, reside
from rocqgen.check.run import run
from rocqgen.check.states import States
from rocqgen.check.subject import Subject
from rocqgen.check.translate import Miss, Walker
from rocqgen.check.words import ENTRY, value
from rocqgen.cpu import Leaf
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"


def machines(name: str, count: int, seed: int = 0) -> list[Machine]:
    (fragment,) = load_fragments(EXAMPLES / name)
    states = States(Subject(fragment), seed)
    return [states.next(number) for number in range(count)]


@pytest.mark.parametrize("name", ["switch/swtch.s", "trampoline/trampoline.s"])
def test_tables_map_what_was_chosen(name: str) -> None:
    for machine in machines(name, 20):
        choice = machine.choice
        walker = Walker(machine.state, choice.mode, frozenset(machine.tables.frames))
        for (base, page), frame in choice.frames.items():
            leaf = walker.walk(base, page << 12)
            assert isinstance(leaf, Leaf)
            assert leaf.translate(page << 12) == frame << 12
            assert (leaf.write, leaf.user, leaf.execute) == choice.rights[base, page] or (
                not choice.mode.nxe
            )
        for base in {base for base, _ in choice.frames}:
            missing = next(page for page in range(1 << 20) if (base, page) not in choice.frames)
            assert isinstance(walker.walk(base, missing << 12), Miss)


def test_what_is_in_memory_is_what_the_precondition_says() -> None:
    for machine in machines("switch/swtch.s", 20):
        words = machine.choice.words
        walker = Walker(machine.state, machine.choice.mode, frozenset(machine.tables.frames))
        for root, item in machine.subject.pre.cells:
            va, pas = value(item.addr, words), []
            for k in range(8):
                leaf = walker.walk(words[root], (va + k) % (1 << 64))
                assert isinstance(leaf, Leaf)
                pas.append(leaf.translate((va + k) % (1 << 64)))
            assert machine.state.memory.gather(pas) == value(item.value, words)


def test_nothing_is_owned_more_than_whole_and_nothing_overlaps() -> None:
    for machine in machines("switch/swtch.s", 40):
        owned = machine.resident.owned
        assert all(0 < part <= owned.unit for part in owned.bytes.values())
        assert all(0 < part <= 4096 * owned.unit for part in owned.pages.values())
        assert machine.resident.data.keys().isdisjoint(machine.resident.code)
        entries = {pa for at in machine.tables.entries for pa in range(at, at + 8)}
        assert entries.isdisjoint(machine.resident.data)


def test_states_are_of_many_kinds() -> None:
    """Straddling pages, one root for two spaces, aliases, unusual modes, low bits in roots."""
    seen = set()
    for machine in machines("switch/swtch.s", 100):
        choice, words = machine.choice, machine.choice.words
        seen.add("one root" if words["old"] == words["new"] else "two roots")
        seen.add("straddles" if words["po"] % 4096 > 4096 - 56 else "fits")
        seen.add("straddles in a word" if words["po"] % 8 and "straddles" in seen else "aligned")
        seen.add("alias" if len(set(choice.frames.values())) < len(choice.frames) else "plain")
        seen.add(f"wp {choice.mode.wp}")
        seen.add(f"nxe {choice.mode.nxe}")
        seen.add("low bits" if words["old"] != base_of(words["old"]) else "round")
        seen.add("high half" if words["po"] >> 63 else "low half")
        seen.add("code straddles" if words[ENTRY] % 4096 > 4096 - 80 else "code fits")
        seen.add(choice.strategy)
    assert seen >= {
        "one root",
        "two roots",
        "straddles",
        "straddles in a word",
        "alias",
        "wp False",
        "nxe False",
        "low bits",
        "high half",
        "low half",
        "code straddles",
        *STRATEGIES,
    }


def test_a_choice_is_read_back() -> None:
    for machine in machines("trampoline/trampoline.s", 10):
        assert Choice.from_json(machine.choice.to_json()) == machine.choice


def test_every_strategy_of_the_tlb_agrees_where_no_table_is_written() -> None:
    from dataclasses import replace

    for machine in machines("switch/swtch.s", 5):
        ends = []
        for strategy in STRATEGIES:
            choice = replace(machine.choice, strategy=strategy)
            resident = reside(machine.subject, choice)
            assert not isinstance(resident, Conflict)
            done = run(Machine(machine.subject, choice, resident))
            assert isinstance(done.end, Arrived)
            ends.append((done.state.regs, done.state.memory, len(done.steps)))
        assert ends[0] == ends[1] == ends[2]


def test_a_stale_entry_is_used_until_cr3_is_loaded() -> None:
    """A translation that was cached stays, whatever its table says by then."""
    from dataclasses import replace

    from rocqgen.check.translate import Translator
    from rocqgen.cpu import Access

    machine = machines("switch/swtch.s", 1)[0]
    state, choice = machine.state.copy(), replace(machine.choice, strategy="cached")
    walker = Walker(state, choice.mode, frozenset(machine.tables.frames))
    translator = Translator(walker, choice, frozenset(page for _, page in choice.frames))
    va = choice.words["po"]
    translator.begin()
    before = translator(Access.READ, va)
    assert isinstance(before, int)
    for at in machine.tables.entries:
        state.memory.write(at, bytes(8))
    walker.forget()
    translator.begin()
    assert translator(Access.READ, va) == before
    state.tlb.clear()
    translator.begin()
    assert not isinstance(translator(Access.READ, va), int)
