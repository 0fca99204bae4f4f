# SPDX-License-Identifier: Apache-2.0
"""Draws the frames and the rights of the pages that a precondition needs.

Frames have two addresses, and pages seldom more rights than are needed.  What entries that are
owned say of a page is not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from rocqgen.check.choice import Mode, Page, Rights, base_of
from rocqgen.check.needs import Need
from rocqgen.check.paths import Paths
from rocqgen.check.subject import Subject
from rocqgen.check.words import MASK, pages_of, value
from rocqgen.cpu import Access


@dataclass(slots=True)
class Frames:
    """Draws frames and rights; `frame_bits` bounds the numbers of frames."""

    subject: Subject
    random: Random
    maxphyaddr: int
    frame_bits: int

    def draw(
        self,
        needed: list[Need],
        words: dict[str, int],
        wild: float,
        given: dict[Page, int],
        paths: Paths,
    ) -> dict[Page, int]:
        """A frame for each page: as claims say, else a new one, at times one used already."""
        frames = dict(given)
        for need in needed if paths.known else ():
            key = (base_of(need.root), need.page)
            leaf = paths.leaf(key)
            if leaf is not None:
                frames[key] = leaf[0]
        used = {base_of(words[root]) >> 12 for root in self.subject.roots} | set(frames.values())
        for item in self.subject.pre.phys:
            used.update(pages_of(value(item.addr, words), 8))
        self._claimed(words, frames)
        used.update(frames.values(), (at >> 12 for at in paths.known))
        used.update((word >> 12) & ((1 << 40) - 1) for word in paths.known.values())
        code: dict[int, int] = {}
        for need in needed:
            key = (base_of(need.root), need.page)
            if key not in frames:
                frames[key] = self._frame(need, key, frames, used, code, wild)
                used.add(frames[key])
        return frames

    def _claimed(self, words: dict[str, int], frames: dict[Page, int]) -> None:
        """The frames that claims say."""
        for root, claim in self.subject.pre.claims:
            va, pa = value(claim.va, words), value(claim.pa, words)
            for page in pages_of(va, 8):
                start = va if page == va >> 12 else (page << 12)
                frame = (pa + ((start - va) & MASK)) >> 12
                frames.setdefault((base_of(words[root]), page), frame)

    def _frame(
        self,
        need: Need,
        key: Page,
        frames: dict[Page, int],
        used: set[int],
        code: dict[int, int],
        wild: float,
    ) -> int:
        """A frame for one page.  `code` has those of code by page, for it is in memory once."""
        random = self.random
        fetched = Access.FETCH in need.accesses
        if fetched:
            below = frames.get((key[0], key[1] - 1))
            if key[1] in code:
                return code[key[1]]
            if below is not None:
                return code.setdefault(key[1], below + 1)
        elif frames and random.random() < 0.2 * wild:
            return random.choice(list(frames.values()))
        top = 1 << min(self.maxphyaddr - 12, self.frame_bits)
        frame = random.randrange(1, top)
        while frame in used or frame + 1 in used:
            top = min(top + 16, 1 << (self.maxphyaddr - 12))
            frame = random.randrange(1, top)
        return code.setdefault(key[1], frame) if fetched else frame

    def rights(
        self, needed: list[Need], mode: Mode, wild: float, paths: Paths
    ) -> dict[Page, Rights]:
        """Rights for each page: what it needs, and seldom more."""
        random = self.random
        accesses: dict[Page, set[Access]] = {}
        for need in needed:
            accesses.setdefault((base_of(need.root), need.page), set()).update(need.accesses)
        rights = {}
        for key, wanted in accesses.items():
            leaf = paths.leaf(key) if paths.known else None
            if leaf is not None:
                rights[key] = leaf[1]
                continue
            user = random.random() < 0.3 * wild
            data, fetch = Access.READ in wanted, Access.FETCH in wanted
            user &= not (data and mode.smap) and not (fetch and mode.smep)
            write = Access.WRITE in wanted and (mode.wp or random.random() < 0.5)
            execute = fetch or not mode.nxe or random.random() < 0.1 * wild
            write |= random.random() < 0.05 * wild
            rights[key] = Rights(write, user, execute)
        return rights
