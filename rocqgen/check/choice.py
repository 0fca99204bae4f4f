# SPDX-License-Identifier: Apache-2.0
"""What a precondition leaves open, decided: a `Choice` determines one concrete state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from rocqgen.check.words import ENTRY, MASK
from rocqgen.cpu import Access
from rocqgen.models import Access as ModelAccess
from rocqgen.models import (
    PagingModel,
    Privilege,
    Right,
    Rules,
    load_model,
    resolve,
    shipped_models,
)
from rocqgen.source.machine import Reg

STRATEGIES: Final = ("walk", "cached", "random")
"""How the TLB behaves, in the order in which states take turns."""

FRAME_BITS: Final = (1 << 52) - (1 << 12)
"""Where a root and an entry hold a physical address: SDM vol. 3, tables 4-12 to 4-20."""

Page = tuple[int, int]
"""A page of a space: the address of the root table, and the page's number."""


class Rights(NamedTuple):
    """Rights of a translation, combined over the levels."""

    write: bool
    user: bool
    execute: bool


@dataclass(frozen=True, slots=True)
class Mode:
    """What is constant while code runs; CPL is 0 (`config` of `theories/machine/paging.v`)."""

    wp: bool = True
    smep: bool = True
    smap: bool = True
    nxe: bool = True
    la57: bool = False
    maxphyaddr: int = 40

    @property
    def rules(self) -> Rules:
        """The memory model in this mode: what walks and rights are decided by."""
        return _rules(self)

    def admits(self, rights: Rights, access: Access) -> bool:
        """Whether a supervisor may do this."""
        return _admits(self, rights, access)

    def canonical(self, va: int) -> bool:
        """Whether `va` is an address."""
        return self.rules.canonical(va)

    @property
    def control(self) -> tuple[tuple[Reg, int, int], ...]:
        """The bits of control registers that it decides, and their values (`control_ok`)."""
        cr4 = 0x20 | self.smep << 20 | self.smap << 21
        return (Reg.CR0, 0x8001_0001, 0x8000_0001 | self.wp << 16), (Reg.CR4, 0x1F2_00A0, cr4)

    def root_ok(self, root: int) -> bool:
        """Whether a word may be loaded into cr3."""
        return root >> self.maxphyaddr == 0


def models() -> tuple[bool, ...]:
    """The values that `Mode.la57` can have with the memory models that there are."""
    return (False, True) if _MODELS[True] in shipped_models() else (False,)


_MODELS: Final = {False: "x86-64-4level", True: "x86-64-5level"}
_ACCESSES: Final = {
    Access.READ: ModelAccess.READ,
    Access.WRITE: ModelAccess.WRITE,
    Access.FETCH: ModelAccess.FETCH,
}


def model_access(access: Access) -> ModelAccess:
    """The access as memory models know it."""
    return _ACCESSES[access]


@lru_cache(maxsize=4)
def _model(name: str) -> PagingModel:
    return load_model(name)


@lru_cache(maxsize=256)
def _rules(mode: Mode) -> Rules:
    controls = {name: getattr(mode, name) for name in ("wp", "smep", "smap", "nxe")}
    return resolve(_model(_MODELS[mode.la57]), controls, mode.maxphyaddr)


@lru_cache(maxsize=4096)
def _admits(mode: Mode, rights: Rights, access: Access) -> bool:
    granted = Right.READ.flag
    for one, right in zip(rights, (Right.WRITE, Right.USER, Right.EXEC), strict=True):
        granted |= right.flag if one else 0
    allow = mode.rules.allow[Privilege.SUPERVISOR][_ACCESSES[access]]
    return bool(allow >> granted & 1)


def base_of(root: int) -> int:
    """The address of the table that a root points to."""
    return root & FRAME_BITS


@dataclass(frozen=True, slots=True)
class Choice:
    """Decided: words and shares by name, the frame and the rights of each page, the mode.

    `words` has the entry's address at `ENTRY`.  `tables` is the seed by which the frames of the
    page tables are laid out, `flags` are CF, PF, ZF, SF and OF on entry, `strategy` how the TLB
    behaves, `seed` its luck.
    """

    words: dict[str, int]
    fractions: dict[str, Fraction]
    frames: dict[Page, int]
    rights: dict[Page, Rights]
    mode: Mode
    flags: tuple[bool, bool, bool, bool, bool] = (False, False, False, False, False)
    tables: int = 0
    strategy: str = "walk"
    seed: int = 0

    def with_words(self, **changes: int) -> Choice:
        """The same with other words."""
        return replace(self, words={**self.words, **changes})

    def to_json(self) -> dict[str, Any]:
        """JSON values; words in hexadecimal."""
        return {
            "entry": hex(self.words[ENTRY]),
            "words": {name: hex(word) for name, word in self.words.items() if name != ENTRY},
            "fractions": {name: str(one) for name, one in self.fractions.items()},
            "pages": [
                {
                    "root": hex(base),
                    "page": hex(page << 12),
                    "frame": hex(frame << 12),
                    "rights": list(self.rights[base, page]),
                }
                for (base, page), frame in self.frames.items()
            ],
            "mode": {
                name: getattr(self.mode, name)
                for name in ("wp", "smep", "smap", "nxe", "la57", "maxphyaddr")
            },
            "flags": list(self.flags),
            "tables": self.tables,
            "strategy": self.strategy,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` gave; KeyError, TypeError or ValueError for anything else."""
        pages = [((int(one["root"], 16), int(one["page"], 16) >> 12), one) for one in data["pages"]]
        fractions = {str(name): Fraction(one) for name, one in data["fractions"].items()}
        if not all(0 < one <= 1 for one in fractions.values()):
            raise ValueError("a fraction is not between 0 and 1")
        if data["strategy"] not in STRATEGIES:
            raise ValueError(f"there is no strategy {data['strategy']!r}")
        width = int(data["mode"]["maxphyaddr"])
        if not 13 <= width <= 52:
            raise ValueError(f"physical addresses of {width} bits")
        cf, pf, zf, sf, of = (bool(flag) for flag in data["flags"])
        write_user_execute = {key: Rights(*map(bool, one["rights"])) for key, one in pages}
        mode = data["mode"]
        return cls(
            {
                ENTRY: int(data["entry"], 16) & MASK,
                **{str(name): int(word, 16) & MASK for name, word in data["words"].items()},
            },
            fractions,
            {key: int(one["frame"], 16) >> 12 for key, one in pages},
            write_user_execute,
            Mode(
                bool(mode["wp"]),
                bool(mode["smep"]),
                bool(mode["smap"]),
                bool(mode["nxe"]),
                bool(mode["la57"]),
                width,
            ),
            (cf, pf, zf, sf, of),
            int(data["tables"]),
            str(data["strategy"]),
            int(data["seed"]),
        )
