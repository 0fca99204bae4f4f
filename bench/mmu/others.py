# SPDX-License-Identifier: Apache-2.0
"""Random accesses through random tables, on a processor of unicorn's that is not an x86 one.

Tables lie in the first frames of memory; everything behind it is a device, which tells the physical
address at which it was reached.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from rocqgen.mmu import Faulted, SparseMemory, Unbacked, walk
from rocqgen.models import Access, Privilege, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.models import PagingModel

TABLES: Final = 12
"""Frames 1 to this one hold tables, each for one level."""
TABLES_END: Final = (TABLES + 1) << 12
RAM: Final = 0x20000
_ACCESSES_PER_MEMORY = 40


class Try(NamedTuple):
    """One access."""

    root: int
    va: int
    access: Access
    user: bool
    on: Mapping[str, bool]


class Answer(NamedTuple):
    """What came of it: the code of the fault, or None, and where the device was reached."""

    code: int | None
    reached: int | None


class Machine(Protocol):
    """A processor of unicorn's."""

    def load(self, image: bytes) -> None:
        """Put `image` at address 0."""

    def dump(self, size: int) -> bytes:
        """The memory from address 0 on."""

    def access(self, one: Try) -> Answer:
        """Make an access."""

    def entry(self, rnd: random.Random, size: int, below: tuple[int, ...]) -> int:
        """A random entry: a leaf of it maps `2 ** size` bytes, `below` are addresses of tables."""

    def controls(self, rnd: random.Random) -> Mapping[str, bool]:
        """Random controls, of those that the processor has."""

    def undefined(self, fault: Faulted) -> bool:
        """The processor does otherwise, as it may, or as it does by mistake."""


@dataclass
class Others:
    """How many accesses were made, how they ended, and where there was a mismatch."""

    mode: str
    cases: int = 0
    undefined: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    updates: int = 0
    mismatches: list[str] = field(default_factory=list)


def agree_others(
    shipped: PagingModel,
    machine: Machine,
    count: int,
    seed: int,
    model: PagingModel | None = None,
    *,
    most: int = 1000,
) -> Others:
    """Make so many accesses; `model` walks in place of the shipped one."""
    rnd = random.Random(seed)  # noqa: S311 - no secrets here
    found = Others(shipped.name)
    while found.cases < count and len(found.mismatches) < most:
        memory = SparseMemory()
        memory.write(0, bytes(TABLES_END))
        levels = shipped.level
        groups = [range(n + 1, TABLES + 1, len(levels)) for n in range(len(levels))]
        tables = [tuple(frame << 12 for frame in group) for group in groups]
        slots = [[rnd.getrandbits(level.index.width) for _ in range(4)] for level in levels]
        for level, group, chosen, below in zip(
            levels, tables, slots, [*tables[1:], ()], strict=True
        ):
            for table in group:
                for slot in chosen:
                    entry = machine.entry(rnd, level.shift, below)
                    memory.write_word(table + 8 * slot, entry)
        for _ in range(min(_ACCESSES_PER_MEMORY, count - found.cases)):
            one = _random_try(rnd, shipped, machine, slots)
            found.cases += 1
            _compare(model or shipped, machine, memory, one, found)
    return found


def _random_try(
    rnd: random.Random, model: PagingModel, machine: Machine, slots: list[list[int]]
) -> Try:
    va = rnd.getrandbits(12) & ~3
    for level, choice in zip(model.level, slots, strict=True):
        va |= rnd.choice(choice) << level.shift
    width = model.address.virtual
    if model.address.canonical == "sign-extended" and va >> (width - 1):
        va |= (1 << 64) - (1 << width)
    if rnd.random() < 0.03:
        va ^= 1 << rnd.randrange(width, 64)
    root = resolve(model).root_value(1 << 12)
    return Try(root, va, rnd.choice(list(Access)), rnd.random() < 0.5, machine.controls(rnd))


def _compare(
    model: PagingModel, machine: Machine, memory: SparseMemory, one: Try, found: Others
) -> None:
    ours = walk(
        model,
        memory,
        one.root,
        one.va,
        access=one.access,
        privilege=Privilege(one.user),
        controls=one.on,
    )
    undefined = isinstance(ours, Unbacked) or (
        isinstance(ours, Faulted) and machine.undefined(ours)
    )
    if undefined:
        found.undefined += 1
        return
    machine.load(memory.read(0, TABLES_END) or b"")
    answer = machine.access(one)
    if isinstance(ours, Faulted):
        said = f"{ours.reason}: {ours.report.parts[0]}"
        agreed = answer.code == ours.code
    else:
        assert not isinstance(ours, Unbacked)  # noqa: S101 - seen above
        found.updates += bool(ours.updates)
        for update in ours.updates:
            memory.write_word(update.address, update.value)
        said = f"page of {ours.size >> 10} KiB"
        # What is fetched from a device is nothing, and does not reach it.
        expected = {ours.pa} if one.access is not Access.FETCH else {ours.pa, None}
        agreed = answer.code is None and answer.reached in expected
        agreed &= machine.dump(TABLES_END) == memory.read(0, TABLES_END)
    found.outcomes[said] += 1
    if not agreed:
        entries = [hex(step.entry or 0) for step in ours.steps]
        found.mismatches.append(f"{one}: here {said} by {entries}, there {answer}")


def show_others(one: Others) -> str:
    """The counts as text."""
    head = (
        f"{one.mode}: {one.cases} accesses, {len(one.mismatches)} mismatches, {one.updates} with "
    )
    lines = [head + f"accessed or dirty bits set, {one.undefined} undefined there"]
    lines += [f"  {number:7}  {name}" for name, number in sorted(one.outcomes.items())]
    lines += [f"  MISMATCH {bad}" for bad in one.mismatches[:5]]
    return "\n".join(lines)
