# SPDX-License-Identifier: Apache-2.0
"""Draws choices that are likely to satisfy a precondition, and unlikely to be alike.

What code gets wrong shows where objects straddle pages or touch, frames have two addresses, spaces
have one root, addresses are extreme, and values differ: so these are drawn often.  `wild` from 0
to 1 is how often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Final

from rocqgen.check.choice import Choice, Mode, Page, Rights, base_of, models
from rocqgen.check.draw import Words
from rocqgen.check.frames import Frames
from rocqgen.check.needs import needs
from rocqgen.check.paths import Paths
from rocqgen.check.regions import slot_of
from rocqgen.check.subject import Subject

_FRACTIONS: Final = (
    Fraction(1, 2),
    Fraction(1, 4),
    Fraction(1, 3),
    Fraction(2, 3),
    Fraction(1, 1024),
    Fraction(1),
)


@dataclass(slots=True)
class Sampler:
    """Draws choices for one fragment; the same ones from the same seed.

    `maxphyaddr` bounds physical addresses, in bits; the numbers of frames that are drawn have
    `frame_bits`.
    """

    subject: Subject
    random: Random
    maxphyaddr: int = 40
    frame_bits: int = 24

    words: Words = field(init=False)
    _frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        platform = self.subject.fragment.spec.platform
        if platform is not None:
            self.maxphyaddr = min(self.maxphyaddr, platform.maxphyaddr)
        bounds = (self.maxphyaddr, self.frame_bits)
        self.words = Words(self.subject, self.random, *bounds)
        self._frames = Frames(self.subject, self.random, *bounds)

    def draw(self, wild: float, strategy: str = "walk") -> Choice:
        """A choice.  It may violate what the precondition says: `reside` decides."""
        mode = self.mode(wild)
        words = self.words.draw(wild, mode)
        fractions = self.fractions(wild)
        return self.complete(words, fractions, mode, wild, strategy)

    def complete(
        self,
        words: dict[str, int],
        fractions: dict[str, Fraction],
        mode: Mode,
        wild: float,
        strategy: str,
        frames: dict[Page, int] | None = None,
    ) -> Choice:
        """Decide the frames (but those in `frames`), the rights and the rest."""
        random = self.random
        needed = list(needs(self.subject, words))
        wanted = {(base_of(need.root), need.page) for need in needed}
        given = {key: frame for key, frame in (frames or {}).items() if key in wanted}
        paths = Paths(mode, (slot_of(one, words) for one in self.subject.pre.entries))
        placed = self._frames.draw(needed, words, wild, given, paths)
        rights = self._frames.rights(needed, mode, wild, paths)
        if paths.known:
            self._neighbours(placed, rights, paths, wild)
        return Choice(
            words,
            fractions,
            placed,
            rights,
            mode,
            (_flip(random), _flip(random), _flip(random), _flip(random), _flip(random)),
            random.getrandbits(32),
            strategy,
            random.getrandbits(32),
        )

    # -- the processor -----------------------------------------------------------------------------

    def mode(self, wild: float) -> Mode:
        """Control bits; all protections on more often than not, and where the platform is fixed."""
        random, platform = self.random, self.subject.fragment.spec.platform
        if platform is not None:
            return Mode(la57=platform.la57, maxphyaddr=platform.maxphyaddr)
        off = 0.2 * wild
        return Mode(
            wp=random.random() >= off,
            smep=random.random() >= off,
            smap=random.random() >= off,
            nxe=random.random() >= off,
            la57=random.random() < off / 2 and True in models(),
            maxphyaddr=self.maxphyaddr,
        )

    def fractions(self, wild: float) -> dict[str, Fraction]:
        """Shares: a half, if nothing wilder."""
        random = self.random
        return {
            name: random.choice(_FRACTIONS) if random.random() < wild else Fraction(1, 2)
            for name in self.words.roles.fractions
        }

    def _neighbours(
        self,
        frames: dict[Page, int],
        rights: dict[Page, Rights],
        paths: Paths,
        wild: float,
    ) -> None:
        """Map pages beside those that are needed: others may have claims on them."""
        random = self.random
        placer = self.words.placer
        for base, page in (*frames, *(placer.pages if placer is not None else ())):
            if random.random() >= 0.3 * wild:
                continue
            key = (base, page ^ 1 << random.choice((0, 1, 3, 8, 9, 17)))
            stages = list(paths.follow(*key))
            if key in frames or any(one.word is not None and not one.word & 1 for one in stages):
                continue
            leaf = paths.leaf(key)
            frames[key] = leaf[0] if leaf else random.randrange(1, 1 << 16)
            rights[key] = leaf[1] if leaf else Rights(True, False, False)


def _flip(random: Random) -> bool:
    return bool(random.getrandbits(1))
