# SPDX-License-Identifier: Apache-2.0
"""What an assertion that is to hold now says of translations, against tables and the TLB.

Claims may be made anew where nobody has any; each must be true of what is cached, too, and be
listed by the entries that the assertion has on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rocqgen.check.regions import Slot, covered
from rocqgen.cpu import Leaf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rocqgen.check.choice import Mode
    from rocqgen.check.ownership import Ownership
    from rocqgen.check.stale import PageOf, Watch


class Lie(NamedTuple):
    """A claim that is not true, and the bytes that make it so."""

    expected: str
    found: str
    pas: tuple[int, ...]


class Stale(NamedTuple):
    """A cached entry that nothing excuses: the owned entry that should, the address, what it is."""

    slot: Slot
    va: int
    found: str


class TableClaims:
    """The claims of one assertion, whose entries are `slots`; `left` is what it may still take.

    `fresh` are the parts of pages that were claimed anew.  Without a watch no translation changes,
    and nothing is to be said.
    """

    def __init__(
        self, watch: Watch | None, slots: Mapping[int, Slot], left: Ownership, mode: Mode
    ) -> None:
        self.watch, self.slots, self.left, self.mode = watch, slots, left, mode
        self.fresh: dict[PageOf, int] = {}
        self._before = dict(left.pages)

    def claim(self, page: PageOf) -> Lie | None:
        """Claim a page anew where nobody claims it; what is not true of a claim on it."""
        watch, va = self.watch, page[1] << 12
        if watch is None or not self.mode.canonical(va):
            return None
        if page not in self.fresh and watch.claimable(page, self.slots):
            more = self.fresh[page] = 4096 * self.left.unit - self._before.get(page, 0)
            self.left.pages[page] = self.left.pages.get(page, 0) + more
        for _, at in watch.walker.stages(page[0], va):
            slot = self.slots.get(at)
            if slot is not None and not covered(slot.claims, page[0], va):
                return Lie(
                    f"{va:#x} among what is claimed through the entry at {at:#x}",
                    "it does not list it",
                    (at,),
                )
        leaf = watch.walker.walk(page[0], va)
        stale = watch.stale_for(page, leaf) if isinstance(leaf, Leaf) else None
        if stale is None or not isinstance(leaf, Leaf):
            return None
        return Lie(
            f"{va:#x} translated to {_shown(leaf, va)}",
            f"the TLB may still translate it to {_shown(stale.leaf, va)}",
            self.stages(page[0], va)[-1:],
        )

    def stages(self, root: int, va: int) -> tuple[int, ...]:
        """Where the entries lie that a walk reads."""
        if self.watch is None or not self.mode.canonical(va):
            return ()
        return tuple(at for _, at in self.watch.walker.stages(root, va))

    def claimed_by_others(self, slot: Slot) -> Iterator[PageOf]:
        """Pages that others may claim through an entry, and that it does not list."""
        for root, page in self.watch.others if self.watch is not None else ():
            va = page << 12
            if not covered(slot.claims, root, va) and slot.at in self.stages(root, va):
                yield root, page

    def doubts(self) -> Iterator[Stale]:
        """What the TLB may hold, and the entries owe no flush for."""
        for doubt in self.watch.doubts(self.slots) if self.watch is not None else ():
            shown = _shown(doubt.entry.leaf, doubt.va)
            found = f"it may still translate {doubt.va:#x} to {shown}, and a walk finds {doubt.now}"
            yield Stale(doubt.slot, doubt.va, found)


def _shown(leaf: Leaf, va: int) -> str:
    rights = (", writable" if leaf.write else ", read-only") + (" by users" if leaf.user else "")
    return f"{leaf.translate(va):#x}{rights}"
