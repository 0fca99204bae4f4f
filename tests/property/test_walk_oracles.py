# SPDX-License-Identifier: Apache-2.0
"""Walks by the shipped models against the algorithms of the manuals, written down by hand.

The functions `intel`, `riscv` and `arm` know nothing of models: each is its manual's text, as code.
They give the physical address, or the name of what is raised and its code; None where a table is
not in memory.  Tables are random, with most entries pointing at each other.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.mmu import Faulted, SparseMemory, Unbacked, Walked, Walker, walk
from rocqgen.models import Access, Privilege, load_model, resolve, shipped_models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rocqgen.models import PagingModel

FRAMES = 12
READ, WRITE, FETCH = Access


class Case(NamedTuple):
    """One access."""

    memory: SparseMemory
    root: int
    va: int
    access: Access
    user: bool
    on: Mapping[str, bool]
    width: int
    pkru: int

    def word(self, address: int) -> int | None:
        data = self.memory.read(address, 8)
        return None if data is None else int.from_bytes(data, "little")


Outcome: TypeAlias = "int | tuple[str, int] | None"


def bits(word: int, high: int, low: int) -> int:
    return word >> low & ((1 << (high - low + 1)) - 1)


def intel(case: Case, levels: int) -> Outcome:  # noqa: C901, PLR0912 - as long as its manual
    """SDM vol. 3A, chapter 4; `levels` is 3 for PAE."""
    pae = levels == 3
    va, on, user, access = case.va, case.on, case.user, case.access
    if not pae:
        width = 12 + 9 * levels
        if va >> (width - 1) not in {0, (1 << (65 - width)) - 1}:
            return "#GP", 0
        if case.root >> 52 or case.root >> case.width:
            return "#GP", 0
    code = 2 * (access is WRITE) + 4 * user
    code += 16 * (access is FETCH and (on["nxe"] or on["smep"]))
    table = bits(case.root, 31, 5) << 5 if pae else bits(case.root, 51, 12) << 12
    writable = owned = executable = True
    for level in reversed(range(levels)):
        shift = 12 + 9 * level
        registers = pae and level == 2
        index = bits(va, 31, 30) if registers else bits(va, shift + 8, shift)
        entry = case.word(table + 8 * index)
        if entry is None:
            return None
        if not entry & 1:
            return "#PF", code
        frame = bits(entry, 51, 12) << 12
        reserved = frame >> case.width != 0 or bool(entry >> 63 and not on["nxe"])
        if pae:
            reserved |= bits(entry, 62, 52) != 0
        if registers:
            reserved |= bits(entry, 2, 1) != 0 or bits(entry, 8, 5) != 0 or entry >> 63 != 0
            if reserved:
                return "#GP", 0
        else:
            large = level in {1, 2} and bits(entry, 7, 7) == 1
            reserved |= level > 2 and bits(entry, 7, 7) == 1
            if large:
                reserved |= bits(entry, shift - 1, 13) != 0
            if reserved:
                return "#PF", code | 1 | 8
            writable &= bits(entry, 1, 1) == 1
            owned &= bits(entry, 2, 2) == 1
            executable &= not entry >> 63
            if large or level == 0:
                break
        table = frame
    if not pae and owned and on["pke"] and access is not FETCH:
        key = bits(entry, 62, 59)
        forbidden = bits(case.pkru, 2 * key, 2 * key)
        if access is WRITE and (user or on["wp"]):
            forbidden |= bits(case.pkru, 2 * key + 1, 2 * key + 1)
        if forbidden:
            return "#PF", code | 1 | 32
    if user:
        good = owned and (access is not WRITE or writable) and (access is not FETCH or executable)
    elif access is FETCH:
        good = executable and not (owned and on["smep"])
    else:
        good = not (owned and on["smap"] and not on["ac"])
        good &= access is READ or writable or not on["wp"]
    if not good:
        return "#PF", code | 1
    return frame >> shift << shift | bits(va, shift - 1, 0)


def riscv(case: Case, levels: int) -> Outcome:  # noqa: C901 - as long as its manual
    """Privileged Architecture 20211203, 4.3.2, with 4.4.1's canonical addresses."""
    va, on = case.va, case.on
    fault = ("page fault", {FETCH: 12, READ: 13, WRITE: 15}[case.access])
    width = 12 + 9 * levels
    if bits(case.root, 63, 60) != levels + 5:
        return "invalid satp", 0
    if va >> (width - 1) not in {0, (1 << (65 - width)) - 1}:
        return fault
    a = bits(case.root, 43, 0) * 4096
    i = levels - 1
    while True:
        pte = case.word(a + 8 * bits(va, 20 + 9 * i, 12 + 9 * i))
        if pte is None:
            return None
        v, r, w, x, u, _, accessed, dirty = (bits(pte, n, n) for n in range(8))
        if not v or (not r and w) or bits(pte, 60, 54) or bits(pte, 63, 63):
            return fault
        memory_type = bits(pte, 62, 61)
        if r or x:
            if memory_type == 3 or (memory_type and not on["pbmte"]):
                return fault
            break
        i -= 1
        if i < 0 or accessed or dirty or u or memory_type:
            return fault
        a = bits(pte, 53, 10) * 4096
    if bits(pte, 53, 10) % (1 << 9 * i):
        return fault
    if case.user != bool(u) and (case.user or case.access is FETCH or not on["sum"]):
        return fault
    readable = r or (on["mxr"] and x)
    if not {READ: readable, WRITE: w, FETCH: x}[case.access]:
        return fault
    if not on["adue"] and (not accessed or (case.access is WRITE and not dirty)):
        return fault
    shift = 12 + 9 * i
    return bits(pte, 53, 10) * 4096 | bits(va, shift - 1, 0)


def arm(case: Case, levels: int) -> Outcome:  # noqa: C901 - as long as its manual
    """Arm ARM DDI 0487, D8, for the lower range of addresses with a granule of 4 KiB."""
    va, on, user, access = case.va, case.on, case.user, case.access
    head = {(True, False): 0x21, (True, True): 0x20, (False, False): 0x25, (False, True): 0x24}[
        access is FETCH, user
    ]

    def abort(status: int, level: int) -> Outcome:
        return "abort", head << 26 | 1 << 25 | (access is WRITE) << 6 | status << 2 | level

    if va >> 48:
        return abort(1, 0)
    table = bits(case.root, 47, 12) << 12
    if table >> case.width:
        return abort(0, 0)
    may_write = may_user = may_el1 = may_el0 = True
    for level in range(levels):
        shift = 39 - 9 * level
        entry = case.word(table + 8 * bits(va, shift + 8, shift))
        if entry is None:
            return None
        kind = bits(entry, 1, 0)
        if kind in {0, 2} or (kind == 1 and level in {0, 3}):
            return abort(1, level)
        address = bits(entry, 47, 12) << 12
        if address >> case.width:
            return abort(0, level)
        if level == 3 or kind == 1:
            break
        table = address
        may_write &= bits(entry, 62, 62) == 0
        may_user &= bits(entry, 61, 61) == 0
        may_el0 &= bits(entry, 60, 60) == 0
        may_el1 &= bits(entry, 59, 59) == 0
    if not bits(entry, 10, 10) and not on["ha"]:
        return abort(2, level)
    may_write &= bits(entry, 7, 7) == 0 or (on["ha"] and on["hd"] and bits(entry, 51, 51) == 1)
    may_user &= bits(entry, 6, 6) == 1
    may_el1 &= bits(entry, 53, 53) == 0 and not (may_user and may_write)
    may_el0 &= bits(entry, 54, 54) == 0
    if on["wxn"]:
        may_el1 &= not may_write
        may_el0 &= not (may_write and may_user)
    if access is FETCH:
        good = may_el0 if user else may_el1
    else:
        good = (access is READ or may_write) and (
            may_user if user else not (may_user and on["pan"])
        )
    if not good:
        return abort(3, level)
    return address >> shift << shift | bits(va, shift - 1, 0)


ORACLES: dict[str, Callable[[Case], Outcome]] = {
    "x86-64-4level": lambda case: intel(case, 4),
    "x86-64-5level": lambda case: intel(case, 5),
    "x86-32-pae": lambda case: intel(case, 3),
    "riscv-sv39": lambda case: riscv(case, 3),
    "riscv-sv48": lambda case: riscv(case, 4),
    "riscv-sv57": lambda case: riscv(case, 5),
    "aarch64-4k": lambda case: arm(case, 4),
}
MODELS = {name: load_model(name) for name in shipped_models()}
BASES = {"x86": (0x7, 0x80), "ris": (0x1, 0xDE), "aar": (0x403, 0x2)}
"""What usual entries have set, and what makes leaves of many of them if it is toggled."""
TELLING = {
    "x86": (1, 2, 5, 6, 7, 20, 29, 59, 62, 63),
    "ris": (1, 2, 3, 4, 6, 7, 9, 10, 27, 61, 62),
    "aar": (6, 7, 10, 51, 53, 54, 59, 60, 61, 62),
}
"""Bits on which much depends."""


def make_case(name: str, rnd: random.Random) -> Case:
    """Random tables in a few frames, and an access to an address that meets their entries."""
    model = MODELS[name]
    memory = SparseMemory()
    shifts = [level.shift for level in model.level]
    indices = [[rnd.getrandbits(level.index.width) for _ in range(2)] for level in model.level]
    for frame in range(1, FRAMES):
        memory.write(frame * 4096, bytes(4096))
        for index in {one for pair in indices for one in pair}:
            memory.write_word(
                frame * 4096 + 8 * index % 4096, make_entry(name, rnd, first=frame < 3)
            )
    va = rnd.getrandbits(12)
    for shift, pair in zip(shifts, indices, strict=True):
        va |= rnd.choice(pair) << shift
    if model.address.canonical == "sign-extended" and va >> (model.address.virtual - 1):
        va |= (1 << 64) - (1 << model.address.virtual)
    if rnd.random() < 0.1 and model.address.pointer == 64:
        va ^= 1 << rnd.randrange(64)
    root = resolve(model).root_value(rnd.randrange(1, 3) << 12)
    if rnd.random() < 0.05:
        root ^= 1 << rnd.randrange(64)
    return Case(
        memory=memory,
        root=root,
        va=va,
        access=rnd.choice(list(Access)),
        user=rnd.random() < 0.5,
        on={control: rnd.random() < 0.5 for control in model.controls},
        width=rnd.choice([model.address.physical, 40, 36]),
        pkru=rnd.getrandbits(32),
    )


def make_entry(name: str, rnd: random.Random, *, first: bool = False) -> int:
    model = MODELS[name]
    base, leaf = BASES[name[:3]]
    if first:
        # A table of the first level: PAE's entries have no rights there.
        base &= ~6 if name == "x86-32-pae" else -1
        leaf = 0
    entry = base | model.entry.address.put(rnd.randrange(1, FRAMES + 1) << 12)
    if rnd.random() < (0.5 if name.startswith("riscv") else 0.3):
        entry ^= leaf
        if rnd.random() < 0.8:
            # Aligned as a large page.
            entry &= ~model.entry.address.put((1 << rnd.choice([21, 30])) - 1)
    for _ in range(rnd.choice([0, 0, 1, 1, 3] if not first else [0, 0, 0, 1])):
        entry ^= 1 << rnd.choice(TELLING[name[:3]] if rnd.random() < 0.7 else range(64))
    return entry if rnd.random() < 0.98 else rnd.getrandbits(64)


def shown(found: Walked | Faulted | Unbacked) -> Outcome:
    match found:
        case Walked():
            return found.pa
        case Faulted():
            return found.name, found.code
        case Unbacked():
            return None


def walked(model: PagingModel, case: Case) -> Walked | Faulted | Unbacked:
    return walk(
        model, case.memory, case.root, case.va,
        access=case.access, privilege=Privilege(case.user), controls=case.on,
        max_physical=case.width, pkru=case.pkru,
    )  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 60))
def test_walks_are_those_of_the_manual(name: str, seed: int) -> None:
    rnd = random.Random(seed)
    case = make_case(name, rnd)
    for _ in range(6):
        assert shown(walked(MODELS[name], case)) == ORACLES[name](case)
        case = case._replace(
            access=rnd.choice(list(Access)),
            user=rnd.random() < 0.5,
            on={control: rnd.random() < 0.5 for control in case.on},
        )


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 60))
def test_the_fast_walk_says_what_the_traced_one_says(name: str, seed: int) -> None:
    rnd = random.Random(seed)
    case = make_case(name, rnd)
    walker = Walker(
        MODELS[name], case.on, privilege=Privilege(case.user), max_physical=case.width,
        pkru=case.pkru,
    )  # fmt: skip
    for _ in range(8):
        traced = walked(MODELS[name], case)
        fast = walker.translate(case.memory, case.root, case.va, case.access)
        if isinstance(traced, Walked):
            assert fast == traced.pa
        elif isinstance(traced, Faulted):
            assert fast == traced._replace(steps=(), detail="")
        else:
            assert fast == traced._replace(steps=())
        # Tables that are written to are seen as they are, and so are new frames.
        frame = rnd.randrange(1, FRAMES + 1)
        for step in traced.steps:
            if rnd.random() < 0.3:
                case.memory.write_word(step.address, make_entry(name, rnd))
        case.memory.write_word(frame << 12, make_entry(name, rnd))
        case = case._replace(access=rnd.choice(list(Access)))


@pytest.mark.parametrize("name", MODELS)
def test_random_cases_come_to_all_kinds_of_ends(name: str) -> None:
    """The tables above are not all trivial: each model maps, faults in all ways, leaves memory."""
    model = MODELS[name]
    wanted: set[str | int] = {reason for fault in model.fault for reason in fault.reasons}
    wanted |= {"Walked", "Unbacked"}
    wanted |= {number for number, level in enumerate(model.level) if level.holds_leaves}
    if name.startswith("aarch64"):
        wanted.discard("dirty")  # no permission to write comes first
    rnd = random.Random(1)
    for _ in range(5000):
        found = walked(model, make_case(name, rnd))
        wanted.discard(found.reason if isinstance(found, Faulted) else type(found).__name__)
        wanted -= {step.level for step in found.steps if step.decision == "leaf"}
        if not wanted:
            break
    assert not wanted
