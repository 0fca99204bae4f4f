# SPDX-License-Identifier: Apache-2.0
"""Translation for one run: by walks, and by a TLB that keeps what it may and is used when it may.

Which of the two happens is left open by `step` (`theories/machine/step.v`); a strategy decides:

- ``walk``: every access walks.
- ``cached``: everything that a walk finds is cached at once and never dropped, and a cached entry
  is always used: so every entry that can be stale is.
- ``random``: both, and entries vanish, by a coin for each page and instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from random import Random

from rocqgen.check.choice import Choice, Mode, Rights, base_of, model_access
from rocqgen.cpu import (
    Access,
    Fault,
    GeneralProtection,
    Leaf,
    PageFault,
    State,
    Stuck,
    TlbEntry,
    Unmodelled,
)
from rocqgen.mmu import Faulted, SparseMemory, walk
from rocqgen.models import Privilege, Reason, Right
from rocqgen.models.vocabulary import ALL_RIGHTS


@dataclass(frozen=True, slots=True)
class Miss:
    """A walk without a leaf: why, and the entry at which it ended.

    `entry` is None where the table is outside memory, `reason` None with it.
    """

    level: str
    at: int
    entry: int | None
    reason: Reason | None
    detail: str = ""

    def __str__(self) -> str:
        if self.entry is None:
            return f"the {self.level} entry at {self.at:#x} is not in memory"
        shown = f"the {self.level} entry at {self.at:#x} is {self.entry:#x}"
        if self.reason is Reason.ABSENT:
            return f"{shown}: not present"
        return f"{shown}: reserved bits are set ({self.detail})"


class Walker:
    """Walks the tables that a state's memory holds now, by the memory model.

    What it found is kept until `forget`, which a store into a table calls for.
    """

    def __init__(self, state: State, mode: Mode, tables: AbstractSet[int]) -> None:
        """`tables` are the frames that hold tables: what memory lacks there is zero."""
        self.state, self.mode = state, mode
        self._memory = _TableMemory(state, tables)
        self._known: dict[tuple[int, int], Leaf | Miss] = {}
        self._stages: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._read: set[int] = set()

    def reads(self, frames: Iterable[int]) -> bool:
        """Whether a walk that was made has read one of the frames."""
        return not self._read.isdisjoint(frames)

    def forget(self) -> None:
        """Walk again where it matters: tables have changed."""
        self._known.clear()
        self._stages.clear()

    def walk(self, root: int, va: int) -> Leaf | Miss:
        """The leaf for a canonical address, whatever its rights admit."""
        key = (root, va >> 12)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._walk(root, va)
        return found

    def stages(self, root: int, va: int) -> tuple[tuple[int, int], ...]:
        """The entries that a walk reads now: the level, by the bits behind its index, and where."""
        key = (root, va >> 12)
        found = self._stages.get(key)
        if found is None:
            rules = self.mode.rules
            steps = walk(rules, self._memory, root, va).steps
            found = tuple((rules.levels[one.level].shift, one.address) for one in steps)
            self._stages[key] = found
            self._read.update(at >> 12 for _, at in found)
        return found

    def _walk(self, root: int, va: int) -> Leaf | Miss:
        rules = self.mode.rules
        found = walk(rules, self._memory, root, va)
        steps = found.steps
        self._read.update(one.address >> 12 for one in steps)
        if not steps:
            return Miss(rules.model.root.name, base_of(root), None, None)
        last = steps[-1]
        if last.target is None:
            reason = found.reason if isinstance(found, Faulted) else None
            return Miss(last.name, last.address, last.entry, reason, last.detail)
        rights = ALL_RIGHTS
        for one in steps:
            rights &= one.rights
        return Leaf(
            last.target,
            rules.levels[last.level].shift,
            bool(rights & Right.WRITE.flag),
            bool(rights & Right.USER.flag),
            bool(rights & Right.EXEC.flag),
        )


class _TableMemory(SparseMemory):
    """A state's memory as walks see it: what is absent in a frame of tables is zero."""

    def __init__(self, state: State, tables: AbstractSet[int]) -> None:
        super().__init__()
        self._state, self._tables = state, tables

    def read(self, address: int, size: int) -> bytes | None:
        word = self._state.memory.read(address, size)
        if word is None:
            return bytes(size) if address >> 12 in self._tables else None
        return word.to_bytes(size, "little")


class Translator:
    """Translates the bytes of a run's accesses; `begin` starts each instruction."""

    def __init__(self, walker: Walker, choice: Choice, pages: frozenset[int]) -> None:
        """`pages` are the numbers of pages that may be cached before they are used."""
        self.walker, self.state, self.mode = walker, walker.state, choice.mode
        self.strategy, self.random = choice.strategy, Random(choice.seed)
        self.pages = set(pages)
        self.why, self.bits = "", ""
        self.failed: Access | None = None
        self._known: dict[tuple[Access, int], int] = {}

    def begin(self) -> None:
        """Let the TLB evolve between two instructions."""
        self._known.clear()
        self.why, self.bits, self.failed = "", "", None
        if self.strategy == "walk":
            return
        tlb, root = self.state.tlb, self.state.cr3
        if self.strategy == "random":
            tlb[:] = [entry for entry in tlb if self.random.random() < 0.8]
        for page in sorted(self.pages):
            if self.strategy == "random" and self.random.random() < 0.5:
                continue
            if any(entry.covers(page << 12) for entry in tlb):
                continue
            if self.mode.canonical(page << 12):
                self._cache(self.walker.walk(root, page << 12), page << 12)

    def __call__(self, access: Access, va: int) -> int | Fault | Stuck:
        """The physical address of a byte; where there is none, `why` says why."""
        found = self._known.get((access, va >> 12))
        if found is not None:
            return found + (va & 0xFFF)
        self.failed = access
        if not self.mode.canonical(va):
            self.why = f"the address {va:#x} is not canonical"
            return GeneralProtection()
        leaf = self._leaf(va)
        if isinstance(leaf, Miss):
            self.why = str(leaf)
            if leaf.reason is None:
                return Stuck(Unmodelled.UNBACKED_TABLE, va)
            return self._fault(leaf.reason, access, va)
        rights = Rights(leaf.write, leaf.user, leaf.execute)
        if not self.mode.admits(rights, access):
            self.why = _denied(rights, access)
            return self._fault(Reason.PROTECTION, access, va)
        pa = leaf.translate(va)
        self._known[access, va >> 12] = pa - (va & 0xFFF)
        self.failed = None
        return pa

    def _leaf(self, va: int) -> Leaf | Miss:
        if self.strategy != "walk" and (self.strategy == "cached" or self.random.random() < 0.5):
            for entry in self.state.tlb:
                if entry.covers(va):
                    return entry.leaf
        leaf = self.walker.walk(self.state.cr3, va)
        if self.strategy != "walk":
            self.pages.add(va >> 12)
            self._cache(leaf, va)
        return leaf

    def _cache(self, leaf: Leaf | Miss, va: int) -> None:
        if isinstance(leaf, Leaf):
            self.state.tlb.append(TlbEntry(va >> leaf.shift, leaf))

    def _fault(self, reason: Reason, access: Access, va: int) -> PageFault:
        report = self.mode.rules.fault(reason, model_access(access), Privilege.SUPERVISOR, 0)
        self.bits = " ".join(report.parts)
        return PageFault(report.code, va)


def _denied(rights: Rights, access: Access) -> str:
    if access is Access.FETCH:
        reason = "not executable" if not rights.execute else "a user page, and SMEP is set"
    elif rights.user and (access is Access.READ or rights.write):
        reason = "a user page, and SMAP is set"
    else:
        reason = "read-only, and WP is set"
    return f"the page is mapped, but {reason}"
