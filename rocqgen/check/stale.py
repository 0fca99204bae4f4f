# SPDX-License-Identifier: Apache-2.0
"""What the TLB may hold while code edits page tables, and who else relies on translations.

The invariant is that of `theories/logic/tables.v` (`tables_ok`): a cached entry agrees with what a
walk finds now, or an owned entry on the walk excuses it; and claims, those of others too, agree
with walks and with everything that is cached.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from rocqgen.check.choice import base_of
from rocqgen.check.regions import ALL, covered, regions_of
from rocqgen.check.words import WORD_SIZE, value
from rocqgen.cpu import Leaf, TlbEntry
from rocqgen.source.machine import Instr, Mem, Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rocqgen.check.machine import Machine
    from rocqgen.check.regions import Slot
    from rocqgen.check.resident import Resident
    from rocqgen.check.translate import Walker
    from rocqgen.cpu import State

PageOf = tuple[int, int]
"""A page of a space: the root as a word, and the page's number."""


class Doubt(NamedTuple):
    """A cached entry that is stale, and the owned entry that neither answers for it nor owes it."""

    entry: TlbEntry
    va: int
    now: str
    slot: Slot


class Watch:
    """Everything that the TLB may hold, along one run; and the claims that others may hold."""

    def __init__(
        self, machine: Machine, walker: Walker, state: State, resident: Resident | None = None
    ) -> None:
        self.machine, self.walker, self.state = machine, walker, state
        self.resident = resident or machine.resident
        self.pages = dict.fromkeys(page for _, page in self._known_pages())
        self.cached: dict[TlbEntry, None] = dict.fromkeys(owed(machine, walker))
        self.others = dict(self._others())
        self.look()

    # -- the TLB

    def look(self) -> None:
        """The TLB may cache what walks find now."""
        for page in self.pages:
            self._look_at(page)

    def _look_at(self, page: int) -> None:
        if self.machine.choice.mode.canonical(page << 12):
            leaf = self.walker.walk(self.state.cr3, page << 12)
            if isinstance(leaf, Leaf):
                self.cached[TlbEntry(page << 12 >> leaf.shift, leaf)] = None

    def flush(self, va: int | None) -> None:
        """`invlpg` of an address, or a load of cr3."""
        gone = [one for one in self.cached if va is None or one.covers(va)]
        for one in gone:
            del self.cached[one]
        self.look()

    def touch(self, va: int) -> None:
        """A page that was accessed may be cached, too."""
        if va >> 12 not in self.pages:
            self.pages[va >> 12] = None
            self._look_at(va >> 12)

    def stale_for(self, page: PageOf, leaf: Leaf) -> TlbEntry | None:
        """A cached entry for a page that is claimed, which differs from the leaf, if there is."""
        root, number = page
        if root != self.state.cr3:
            return None
        va = number << 12
        for one in self.cached:
            if one.covers(va) and not _same(one.leaf, leaf, va):
                return one
        return None

    def doubts(self, slots: Mapping[int, Slot]) -> Iterator[Doubt]:
        """Cached entries that nothing excuses where the owned entries are `slots`."""
        root = self.state.cr3
        for one in tuple(self.cached):
            shift = one.leaf.shift
            inside = [page << 12 for page in self.pages if one.covers(page << 12)]
            for va in inside or [one.page << shift]:
                now = self.walker.walk(root, va)
                if now == one.leaf:
                    continue
                blamed = self._unexcused(root, va, one, slots)
                if blamed is not None:
                    shown = f"{now.translate(va):#x}" if isinstance(now, Leaf) else str(now)
                    yield Doubt(one, va, shown, blamed)
                    break

    def _unexcused(
        self, root: int, va: int, entry: TlbEntry, slots: Mapping[int, Slot]
    ) -> Slot | None:
        owned, blamed = self.resident.owned, None
        for shift, at in self.walker.stages(root, va):
            slot = slots.get(at)
            if slot is None:
                if owned.of(at) == owned.unit:
                    # All of it was given up: it need not answer for anything.
                    return None
            elif not slot.answers_for(root, va, shift) or slot.owes_entry(
                root, entry.leaf.shift, entry.page
            ):
                return None
            else:
                blamed = slot
        return blamed

    def called(self, new_space: bool) -> None:
        """A function was played, which may have changed what is owned."""
        if new_space:
            self.cached.clear()
        self.others = dict(self._others())
        self.look()

    # -- claims of others

    def _known_pages(self) -> Iterator[PageOf]:
        machine = self.machine
        for base, page in machine.choice.frames:
            for root in machine.roots:
                if base_of(root) == base:
                    yield root, page
        yield from self._said()

    def _said(self) -> Iterator[PageOf]:
        """The pages that assertions speak of by entries and walks."""
        subject, words = self.machine.subject, self.machine.choice.words
        for walk in subject.walks:
            with suppress(KeyError):
                yield value(walk.root, words), value(walk.va, words) >> 12
        entries = (entry for part in subject.all_parts for entry in part.entries)
        for entry in entries:
            for pages in (entry.answers, entry.claims, entry.owes):
                with suppress(KeyError):
                    for one in regions_of(pages, words):
                        if one is not ALL:
                            yield one.root, one.number << (one.shift - 12)

    def _others(self) -> Iterator[tuple[PageOf, Leaf]]:
        """Pages that others may claim, and what they are then sure of."""
        machine, owned = self.machine, self.resident.owned
        for root, page in dict.fromkeys(self._known_pages()):
            va = page << 12
            if owned.pages.get((root, page), 0) == 4096 * owned.unit:
                continue
            if not machine.choice.mode.canonical(va) or not machine.choice.mode.root_ok(root):
                continue
            leaf = self.walker.walk(root, va)
            if isinstance(leaf, Leaf) and all(
                self._admits(at, root, va) for _, at in self.walker.stages(root, va)
            ):
                yield (root, page), leaf

    def _admits(self, at: int, root: int, va: int) -> bool:
        """Whether others may claim a page through the entry at an address.

        What is owned as memory is no entry of theirs, though a walk may come to it.
        """
        slot = self.resident.slots.get(at)
        if slot is not None:
            return covered(slot.claims, root, va)
        return not any(self.resident.owned.bytes.get(pa) for pa in range(at, at + WORD_SIZE))

    def broken(self) -> str:
        """The claim of another that does not hold any more; empty if all do."""
        for (root, page), before in self.others.items():
            va = page << 12
            now = self.walker.walk(root, va)
            if not isinstance(now, Leaf) or not _same(now, before, va):
                return (
                    f"changes the translation of {va:#x} in the space rooted at {root:#x}, "
                    "which others may have claims on"
                )
        return ""

    def claimable(self, page: PageOf, slots: Mapping[int, Slot]) -> bool:
        """Whether nobody else claims a page, and the entries on its walk are there to claim it."""
        if page in self.others:
            return False
        owned = self.resident.owned
        root, va = page[0], page[1] << 12
        stages = list(self.walker.stages(root, va))
        whole = any(owned.of(at) == owned.unit for _, at in stages)
        return whole and all(at in slots or owned.of(at) for _, at in stages)


def owed(machine: Machine, walker: Walker) -> Iterator[TlbEntry]:
    """Stale entries that the TLB may hold on entry, as the precondition owes flushes for them."""
    random, root = Random(machine.choice.seed), machine.state.cr3
    owned = machine.resident.owned.pages
    for slot in machine.resident.slots.values():
        for one in slot.owes:
            if one is ALL or one.root != root:
                continue
            va = one.number << one.shift
            pages = range(va >> 12, (va >> 12) + (1 << (one.shift - 12)))
            on_path = (one.shift, slot.at) in set(walker.stages(root, va))
            if not on_path or any(key[0] == root and key[1] in pages for key in owned):
                continue
            frame = random.randrange(1, 1 << 16) << one.shift & (1 << 40) - 1
            yield TlbEntry(one.number, Leaf(frame, one.shift, True, False, True))


def _same(one: Leaf, other: Leaf, va: int) -> bool:
    """Whether two leaves translate an address alike, with the same rights."""
    return one.translate(va) == other.translate(va) and (one.write, one.user, one.execute) == (
        other.write,
        other.user,
        other.execute,
    )


def flushed(instr: Instr, state: State) -> int | None:
    """The address that an `invlpg` is about; `state` is the one before it."""
    operand = instr.operands[0] if instr.op is Op.INVLPG else None
    if not isinstance(operand, Mem):
        return None
    total = operand.disp + (state.rip + instr.length if operand.rip else 0)
    if operand.base is not None:
        total += state.regs.get(operand.base, 0)
    if operand.index is not None:
        total += state.regs.get(operand.index, 0) * operand.scale
    return total & ((1 << 64) - 1)
