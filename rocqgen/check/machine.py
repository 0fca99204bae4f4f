# SPDX-License-Identifier: Apache-2.0
"""The state on entry, made from a choice: registers, memory, page tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from rocqgen.check.choice import Choice, Page, Rights, base_of
from rocqgen.check.needs import needs
from rocqgen.check.regions import covered
from rocqgen.check.resident import Resident
from rocqgen.check.subject import Subject
from rocqgen.check.tables import Tables, lay_out
from rocqgen.check.translate import Walker
from rocqgen.check.words import ENTRY
from rocqgen.cpu import Flags, Leaf, Memory, State


@dataclass(slots=True)
class Machine:
    """The state on entry and what does not change: made from a choice that resides.

    BlockedError where owned entries are in the way of pages that must be mapped.
    """

    subject: Subject
    choice: Choice
    resident: Resident
    tables: Tables = field(init=False)
    state: State = field(init=False)
    roots: list[int] = field(init=False)

    def __post_init__(self) -> None:
        choice, words = self.choice, self.choice.words
        named = (*self.subject.roots, self.subject.entry_root)
        self.roots = list(dict.fromkeys(words[name] for name in named))
        taken = {pa >> 12 for pa in self.resident.data} | {pa >> 12 for pa in self.resident.code}
        bases = list(dict.fromkeys(base_of(root) for root in self.roots))
        self.tables = lay_out(choice, bases, taken, self.resident.slots.values())
        memory = Memory(self.resident.data)
        for slot in self.resident.slots.values():
            memory.write(slot.at, slot.word.to_bytes(8, "little"))
        for at, entry in self.tables.entries.items():
            memory.write(at, entry.to_bytes(8, "little"))
        self.state = State(
            dict(self.resident.regs),
            words[ENTRY],
            Flags(*choice.flags),
            memory,
            cr3=words[self.subject.entry_root],
        )

    @property
    def stands(self) -> bool:
        """Whether it is a state of the precondition: the tables that are walked lie outside what is
        owned, and with owned entries among them they map what the precondition says."""
        data, code = self.resident.data, self.resident.code
        if any(pa in data or pa in code for at in self.tables.entries for pa in range(at, at + 8)):
            return False
        return not self.resident.slots or all(self._maps(need) for need in self._needs())

    def _needs(self) -> set[tuple[int, int]]:
        """Pages that the precondition needs, by their roots as words."""
        return {(need.root, need.page) for need in needs(self.subject, self.choice.words)}

    def _maps(self, page: tuple[int, int]) -> bool:
        """Whether a page has its frame and rights, and the entries on its walk admit its claim."""
        root, number = page
        walker = Walker(self.state, self.choice.mode, frozenset(self.tables.frames))
        leaf, key = walker.walk(root, number << 12), (base_of(root), number)
        return (
            isinstance(leaf, Leaf)
            and leaf.translate(number << 12) >> 12 == self.choice.frames[key]
            and Rights(leaf.write, leaf.user, leaf.execute) == self._rights(key)
            and all(
                covered(slot.claims, root, number << 12)
                for _, at in walker.stages(root, number << 12)
                if (slot := self.resident.slots.get(at)) is not None
            )
        )

    def _rights(self, key: Page) -> Rights:
        rights = self.choice.rights[key]
        return rights if self.choice.mode.nxe else rights._replace(execute=True)
