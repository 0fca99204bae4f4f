# SPDX-License-Identifier: Apache-2.0
"""Every combination of the bits of a PDE and a PTE, of controls, privilege and access.

The outcome of each is computed from the rows of `access_rules.toml`, which are the SDM's rules as
data, and compared with the bulk walk (all 8,110,080 cases), with the scalar walks and with unicorn
(samples of them).
"""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.mmu.oracle import Controls, Oracle
from rocqgen.mmu import Faulted, SparseMemory, Walked, Walker, walk
from rocqgen.mmu.bulk import walk_many
from rocqgen.models import Access, Privilege, Reason, load_model, resolve
from rocqgen.models.vocabulary import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rocqgen.models import Rules

    Table = Mapping[str, list[dict[str, Any]]]
    Facts = dict[str, NDArray[np.int64] | int]

TABLE: Table = tomllib.loads((Path(__file__).parent / "access_rules.toml").read_text())
SECTIONS = ("entry", "right", "key", "code", "flag")

MAXPHYADDR = 40
KEY = 5
BIT = {"P": 0, "RW": 1, "US": 2, "A": 5, "D": 6, "PS": 7, "LOW": 15, "ABOVE": 45, "XD": 63}
"""LOW is one of the bits 20:13, ABOVE one of those above MAXPHYADDR."""
OF_TABLE = ("P", "RW", "US", "A", "XD", "ABOVE")
OF_PAGE_4K = ("P", "RW", "US", "A", "D", "XD", "ABOVE")
OF_PAGE_2M = ("P", "RW", "US", "A", "D", "XD", "ABOVE", "LOW")
SETTINGS = ("wp", "nxe", "smep", "smap", "ac", "pke", "pk_ad", "pk_wd")
NUMBERS = {
    "supervisor": 0, "user": 1,
    "read": 0, "write": 1, "fetch": 2,
    "allowed": 0, "absent": 1, "reserved": 2, "rights": 3,
}  # fmt: skip
FRAMES = 0x1_0000_0000


def combinations(names: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """A column for each name; a row for each combination."""
    rows = np.array(list(itertools.product((0, 1), repeat=len(names))), dtype=np.int64)
    return dict(zip(names, rows.T, strict=True))


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages: their addresses, what the bits of their PDE and PTE are, and where these are.

    ``small`` is 1 for a page of 4 KiB and 0 for one of 2 MiB, whose PTE's columns mean nothing.
    """

    root: int
    memory: bytes
    va: NDArray[np.uint64]
    pa: NDArray[np.uint64]
    small: NDArray[np.int64]
    pde: dict[str, NDArray[np.int64]]
    pte: dict[str, NDArray[np.int64]]
    path: NDArray[np.int64]
    """The addresses of the four entries; the last is that of the PDE again for 2 MiB."""


def entry(bits: dict[str, NDArray[np.int64]], base: NDArray[np.int64]) -> NDArray[np.uint64]:
    found = base.astype(np.uint64)
    for name, column in bits.items():
        found |= column.astype(np.uint64) << np.uint64(BIT[name])
    return found


def make_pages(begin: int) -> Pages:
    """One space in which every combination has an address; its tables lie from ``begin`` on."""
    tables, small, large = (combinations(names) for names in (OF_TABLE, OF_PAGE_4K, OF_PAGE_2M))
    n_tables, n_small, n_large = 64, 128, 256
    root, pdpt, pd, first = (begin + 0x1000 * k for k in range(4))
    words = np.zeros(((3 + n_tables) * 512,), dtype="<u8")
    words[0] = pdpt | 0x27
    words[512] = pd | 0x27
    words[1024 : 1024 + n_tables] = entry(tables, first + 0x1000 * np.arange(n_tables))
    key = np.uint64(KEY << 59)
    frames = FRAMES + (np.arange(n_large) << 21)
    words[1088 : 1088 + n_large] = entry(large, frames + (1 << BIT["PS"])) | np.uint64(key)
    place = 1536 + 512 * np.arange(n_tables)[:, None] + np.arange(n_small)
    words[place] = entry(small, FRAMES + 0x1000 * np.arange(n_small)) | key
    table, page = (axis.ravel() for axis in np.mgrid[0:n_tables, 0:n_small])
    huge = np.arange(n_large)
    is_small = np.concatenate([np.ones(len(table), np.int64), np.zeros(n_large, np.int64)])
    none = np.zeros(n_tables, np.int64)
    nothing = np.zeros(n_large, np.int64)
    pd_at = pd + 8 * np.concatenate([table, 64 + huge])
    pt_at = np.concatenate([first + 0x1000 * table + 8 * page, pd + 8 * (64 + huge)])
    return Pages(
        root=root,
        memory=words.tobytes(),
        va=np.concatenate([table << 21 | page << 12 | 0x123, (64 + huge) << 21 | 0x54321]).astype(
            np.uint64
        ),
        pa=np.concatenate([FRAMES + (page << 12) + 0x123, frames + 0x54321]).astype(np.uint64),
        small=is_small,
        pde={
            name: np.concatenate([tables.get(name, none)[table], large[name]])
            for name in OF_PAGE_2M
        },
        pte={name: np.concatenate([small[name][page], nothing]) for name in OF_PAGE_4K},
        path=np.stack([np.full(len(pd_at), root), np.full(len(pd_at), pdpt), pd_at, pt_at], axis=1),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome of each case by the rules: ``cause`` is 0 where the access is allowed."""

    cause: NDArray[np.int64]
    code: NDArray[np.int64]
    key: NDArray[np.int64]


def applies(when: Mapping[str, Any], facts: Facts, size: int) -> NDArray[np.bool_]:
    mask = np.ones(size, dtype=np.bool_)
    for name, value in when.items():
        if isinstance(facts[name], int):
            if facts[name] != NUMBERS.get(value, value):
                return np.zeros(size, dtype=np.bool_)
        else:
            mask &= facts[name] == NUMBERS.get(value, value)
    return mask


def expect(table: Table, pages: Pages, which: NDArray[np.intp], facts: Facts) -> Expected:
    """What the rules say of the pages ``which`` under the controls and accesses in ``facts``."""
    size = len(which)
    facts = dict(facts)
    small = pages.small[which] == 1
    pde = {name: column[which] for name, column in pages.pde.items()}
    pte = {name: column[which] for name, column in pages.pte.items()}
    cause = np.zeros(size, dtype=np.int64)
    for bits, kinds in (
        (pde, (("table", small), ("page-2M", ~small))),
        (pte, (("page-4K", small),)),
    ):
        for row in table["entry"]:
            hit = bits["P"] >= 0
            if "clear" in row:
                hit = bits[row["clear"]] == 0
            elif row["set"] in bits:
                hit = bits[row["set"]] == 1
            of_kind = np.zeros(size, dtype=np.bool_)
            for kind, mask in kinds:
                of_kind |= mask & (kind in row["kinds"])
            hit &= of_kind & applies(row.get("when", {}), facts, size) & (cause == 0)
            cause[hit] = NUMBERS[row["outcome"]]
    facts["page"] = pde["US"] & np.where(small, pte["US"], 1)
    facts["W"] = pde["RW"] & np.where(small, pte["RW"], 1)
    facts["XD"] = pde["XD"] | np.where(small, pte["XD"], 0)
    rows = np.zeros(size, dtype=np.int64)
    allowed = np.zeros(size, dtype=np.bool_)
    for row in table["right"]:
        hit = applies(row["when"], facts, size)
        rows += hit
        allowed |= hit & row["allowed"]
    assert (rows[cause == 0] == 1).all(), "exactly one row of [[right]] applies to each access"
    key = np.zeros(size, dtype=np.int64)
    for row in table["key"]:
        key[applies(row["when"], facts, size)] = 1
    cause[(cause == 0) & (~allowed | (key == 1))] = NUMBERS["rights"]
    facts |= {"cause": cause, "key": key}
    code = np.zeros(size, dtype=np.int64)
    for row in table["code"]:
        code[applies(row["when"], facts, size)] |= 1 << row["bit"]
    code[cause == 0] = 0
    return Expected(cause, code, key)


MODEL = load_model("x86-64-4level")
SETTING_ROWS = [
    values
    for values in itertools.product((0, 1), repeat=len(SETTINGS))
    if values[5] or not (values[6] or values[7])
]
"""All settings of the controls; without CR4.PKE, PKRU does not matter."""
ACCESSES = [(access, privilege) for access in Access for privilege in Privilege]


@cache
def rules_of(setting: tuple[int, ...]) -> Rules:
    controls = dict(zip(SETTINGS[:6], map(bool, setting[:6]), strict=True))
    return resolve(MODEL, controls, MAXPHYADDR)


def pkru_of(setting: tuple[int, ...]) -> int:
    return (setting[6] | setting[7] << 1) << 2 * KEY


def facts_of(setting: NDArray[np.intp], access: NDArray[np.intp]) -> Facts:
    """The columns of cases that are numbers of `SETTING_ROWS` and of `ACCESSES`."""
    found = dict(zip(SETTINGS, np.array(SETTING_ROWS, dtype=np.int64)[setting].T, strict=True))
    pairs = np.array([(int(a), int(p)) for a, p in ACCESSES], dtype=np.int64)[access]
    return found | {"access": pairs[:, 0], "privilege": pairs[:, 1]}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle("4-level", 128)


@pytest.fixture(scope="module")
def pages(oracle: Oracle) -> Pages:
    return make_pages(oracle.first)


@pytest.fixture(scope="module")
def memory(pages: Pages) -> SparseMemory:
    memory = SparseMemory()
    memory.write(pages.root, pages.memory)
    return memory


CAUSES = np.zeros(256, dtype=np.int64)
for _reason, _cause in (
    (Reason.ABSENT, "absent"),
    (Reason.RESERVED, "reserved"),
    (Reason.KEY, "rights"),
    (Reason.PROTECTION, "rights"),
):
    CAUSES[1 + REASONS.index(_reason)] = NUMBERS[_cause]
CAUSE_OF = {reason: CAUSES[1 + k] for k, reason in enumerate(REASONS)}


def test_the_rows_say_where_they_come_from() -> None:
    assert set(TABLE) == set(SECTIONS)
    for section in SECTIONS:
        assert TABLE[section]
        assert all(row["section"].startswith(("4.", "2.")) for row in TABLE[section])


def test_all_combinations_agree_with_the_bulk_walk(pages: Pages, memory: SparseMemory) -> None:
    which = np.arange(len(pages.va))
    cases = 0
    for setting in SETTING_ROWS:
        rules = rules_of(setting)
        for access, privilege in ACCESSES:
            found = walk_many(
                rules, memory, pages.root, pages.va, access, privilege, keys=pkru_of(setting)
            )
            facts: Facts = dict(zip(SETTINGS, setting, strict=True))
            facts |= {"access": int(access), "privilege": int(privilege)}
            wanted = expect(TABLE, pages, which, facts)
            good = (CAUSES[found.reason] == wanted.cause) & (found.code == wanted.code)
            good &= np.where(wanted.cause == 0, found.pa == pages.pa, found.pa == 0)
            good &= (found.reason == 0) == (wanted.cause == 0)
            assert good.all(), describe(pages, int(np.flatnonzero(~good)[0]), setting, access)
            cases += len(which)
    assert cases == 8_110_080


def describe(pages: Pages, page: int, setting: tuple[int, ...], access: Access) -> str:
    return (
        f"{access.word}, {dict(zip(SETTINGS, setting, strict=True))}, small {pages.small[page]}, "
        f"pde { {name: int(column[page]) for name, column in pages.pde.items()} }, "
        f"pte { {name: int(column[page]) for name, column in pages.pte.items()} }"
    )


def sample(pages: Pages, count: int, seed: int) -> tuple[NDArray[np.intp], ...]:
    """Pages, settings and accesses of random cases; half of them with all P bits set."""
    random = np.random.default_rng(seed)
    present = pages.pde["P"] & np.where(pages.small == 1, pages.pte["P"], 1)
    present &= 1 - (pages.pde["ABOVE"] | pages.pde["LOW"] | pages.pte["ABOVE"])
    which = random.integers(len(pages.va), size=count)
    which[::2] = random.choice(np.flatnonzero(present), size=len(which[::2]))
    return (
        which,
        random.integers(len(SETTING_ROWS), size=count),
        random.integers(len(ACCESSES), size=count),
    )


def flags(pages: Pages, page: int, access: Access) -> list[int]:
    """The bits of each entry of the path after an access that was allowed, by rows of 4.8."""
    small = pages.small[page]
    kinds = ("table", "table", "table", "page-4K") if small else ("table", "table", "page-2M")
    found = []
    for kind, address in zip(kinds, pages.path[page].tolist(), strict=False):
        word = word_at(pages, address)
        for row in TABLE["flag"]:
            if kind in row["entries"] and NUMBERS.get(row["when"].get("access"), access) == access:
                word |= 1 << BIT[row["flag"]]
        found.append(word)
    return found


def word_at(pages: Pages, address: int) -> int:
    place = address - pages.root
    return int.from_bytes(pages.memory[place : place + 8], "little")


def test_scalar_walks_agree(pages: Pages, memory: SparseMemory) -> None:
    which, setting, access = sample(pages, 6000, seed=3)
    wanted = expect(TABLE, pages, which, facts_of(setting, access))
    walkers: dict[tuple[int, int], Walker] = {}
    marked = 0
    for case, page in enumerate(which.tolist()):
        row, (kind, privilege) = SETTING_ROWS[setting[case]], ACCESSES[access[case]]
        rules, pkru, va = rules_of(row), pkru_of(row), int(pages.va[page])
        found = walk(rules, memory, pages.root, va, access=kind, privilege=privilege, pkru=pkru)
        at = int(setting[case]), int(privilege)
        if at not in walkers:
            walkers[at] = Walker(rules, privilege=privilege, pkru=pkru)
        fast = walkers[at].translate(memory, pages.root, va, kind)
        if wanted.cause[case] == 0:
            assert isinstance(found, Walked), describe(pages, page, row, kind)
            assert found.pa == fast == pages.pa[page]
            after = {one.address: one.value for one in found.updates}
            for address, word in zip(
                pages.path[page].tolist(), flags(pages, page, kind), strict=False
            ):
                assert after.get(address, word_at(pages, address)) == word
            marked += len(after)
        else:
            for one in (found, fast):
                assert isinstance(one, Faulted), describe(pages, page, row, kind)
                assert CAUSE_OF[one.reason] == wanted.cause[case]
                assert one.code == wanted.code[case], describe(pages, page, row, kind)
    assert marked > 100
    assert (wanted.cause == 0).sum() > 500


def test_unicorn_agrees(pages: Pages, oracle: Oracle) -> None:
    """Accessed bits after a fault are not compared: the SDM leaves them open (4.8)."""
    which, setting, access = sample(pages, 40_000, seed=4)
    wanted = expect(TABLE, pages, which, facts_of(setting, access))
    words = oracle.words
    begin = pages.root >> 3
    words[begin : begin + len(pages.memory) // 8] = np.frombuffer(pages.memory, dtype="<u8")
    oracle.install(pages.root)
    for case, page in enumerate(which.tolist()):
        row, (kind, privilege) = SETTING_ROWS[setting[case]], ACCESSES[access[case]]
        wp, nxe, smep, smap, ac, pke, *_ = map(bool, row)
        controls = Controls(
            user=privilege is Privilege.USER,
            wp=wp, nxe=nxe, smep=smep, smap=smap, ac=ac, pkru=pkru_of(row) if pke else None,
        )  # fmt: skip
        va = int(pages.va[page])
        found = oracle.access(controls, pages.root, va, kind.word)
        path = pages.path[page].tolist()
        if wanted.cause[case] == 0:
            assert found.pa == pages.pa[page], describe(pages, page, row, kind)
            after = [int(words[address >> 3]) for address in path]
            expected = flags(pages, page, kind)
            assert after[: len(expected)] == expected, describe(pages, page, row, kind)
        else:
            assert found.pa is None, describe(pages, page, row, kind)
            assert (found.vector, found.cr2) == (14, va)
            assert found.code == wanted.code[case], describe(pages, page, row, kind)
        for address in path:
            words[address >> 3] = word_at(pages, address)


@pytest.mark.parametrize("section", ["entry", "right", "key", "code"])
def test_each_row_matters(section: str, pages: Pages) -> None:
    """A table in which one row says the opposite, or is missing, gives other outcomes."""
    which, setting, access = sample(pages, 30_000, seed=5)
    facts = facts_of(setting, access)
    wanted = expect(TABLE, pages, which, facts)
    for number, row in enumerate(TABLE[section]):
        rows = list(TABLE[section])
        if section == "right":
            rows[number] = row | {"allowed": not row["allowed"]}
        else:
            del rows[number]
        other = expect({**TABLE, section: rows}, pages, which, facts)
        same = (other.cause == wanted.cause) & (other.code == wanted.code)
        assert not same.all(), row
