# SPDX-License-Identifier: Apache-2.0
"""Random accesses through random tables, by our walks and by an emulator's MMU.

Compared are: whether the access is let through, and to which physical address; the exception's
vector, its error code and CR2; and which entries have their accessed and dirty bits set afterwards.

Left open, since manuals leave it open or the emulator differs from a processor in it:

- accessed bits after an access that faults (SDM vol. 3A, 4.8: they may be set or not);
- reserved bits in PAE's page-directory-pointer entries: a processor refuses them when CR3 is
  loaded, the emulator reads the entries at each walk; here, such entries are made absent;
- physical addresses above 40 bits, which the emulator does not have;
- addresses that the last slot of the root table translates: there lies the code of the accesses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.mmu.oracle import MAXPHYADDR, Controls, Oracle, Outcome
from bench.mmu.random_tables import Recipe, random_addresses, random_tables
from rocqgen.mmu import Faulted, SparseMemory, Walked, Walker
from rocqgen.mmu.bulk import walk_many
from rocqgen.models import Access, Privilege, load_model, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.mmu.oracle import Kind, Mode
    from bench.mmu.random_tables import Tables
    from rocqgen.mmu import Unbacked
    from rocqgen.mmu.bulk import Walks
    from rocqgen.models import PagingModel, Rules

MODELS: Final[dict[Mode, str]] = {
    "4-level": "x86-64-4level",
    "5-level": "x86-64-5level",
    "pae": "x86-32-pae",
}
KINDS: Final[dict[Access, Kind]] = {
    Access.READ: "read",
    Access.WRITE: "write",
    Access.FETCH: "fetch",
}
_VECTORS: Final = {"#PF": 14, "#GP": 13}
_BATCH: Final = 100
_ACCESSED: Final = 1 << 5


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One access of which we and the emulator say different things."""

    controls: Controls
    access: Access
    va: int
    ours: Outcome
    theirs: Outcome
    entries: tuple[int, ...]
    """Of the path, as they were before."""
    about: str


@dataclass(slots=True)
class Agreement:
    """How many accesses were made, how they ended, and where there was a mismatch."""

    mode: Mode
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """By name: the size of the page, or the exception, its error code and the reason."""
    updates: int = 0
    """Accesses after which accessed or dirty bits were set."""
    mismatches: list[Mismatch] = field(default_factory=list)


def agree(
    mode: Mode, count: int, seed: int, model: PagingModel | None = None, *, most: int = 1000
) -> Agreement:
    """Make so many accesses, with new tables and controls for every 100 of them.

    ``model`` walks in place of the shipped one, to see that a wrong one is found out. After
    ``most`` mismatches it is enough.
    """
    random = np.random.default_rng(seed)
    shipped = load_model(MODELS[mode])
    number = 6
    levels = len(shipped.level)
    oracle = Oracle(mode, 1 + levels + 1 + number * (levels - 1))
    recipe = Recipe(first=oracle.first, frames=len(oracle.words) * 8, tables=number)
    found = Agreement(mode)
    while found.cases < count and len(found.mismatches) < most:
        controls = _random_controls(shipped, random)
        usual, tried = (
            resolve(one, _named(one, controls), MAXPHYADDR) for one in (shipped, model or shipped)
        )
        tables = random_tables(usual, recipe, random)
        size = min(_BATCH, count - found.cases)
        _batch(oracle, tried, tables, controls, size, random, found)
    return found


def _random_controls(model: PagingModel, random: np.random.Generator) -> Controls:
    user, wp, nxe, smep, smap, ac = (random.random(6) < 0.5).tolist()
    keys = (
        int(random.integers(1 << 32)) if model.keys is not None and random.random() < 0.6 else None
    )
    return Controls(user, wp, nxe, smep, smap, ac, keys)


def _named(model: PagingModel, controls: Controls) -> dict[str, bool]:
    """By the names that the models have for them."""
    values = {
        "wp": controls.wp,
        "nxe": controls.nxe,
        "smep": controls.smep,
        "smap": controls.smap,
        "ac": controls.ac,
        "pke": controls.pkru is not None,
    }
    return {name: value for name, value in values.items() if name in model.controls}


def _batch(
    oracle: Oracle,
    rules: Rules,
    tables: Tables,
    controls: Controls,
    count: int,
    random: np.random.Generator,
    found: Agreement,
) -> None:
    """So many accesses through the tables."""
    root, words = tables.root, tables.words
    if oracle.mode == "pae":
        words[0][(words[0] & np.uint64(0x7FF0_0000_0000_01E7 | 1 << 63 | 0xFFF << 40)) != 1] = 0
    start = tables.start >> 3
    oracle.words[start : start + words.size] = words.ravel()
    oracle.install(root)
    before = oracle.words.copy()
    memory = SparseMemory()
    memory.write(0, before.tobytes())
    privilege = Privilege.USER if controls.user else Privilege.SUPERVISOR
    keys = controls.pkru or 0
    walker = Walker(rules, privilege=privilege, pkru=keys)
    top = rules.levels[0]
    addresses = random_addresses(rules, 2 * count, random)
    here = (addresses >> np.uint64(top.shift)) & np.uint64(top.index_mask) == top.index_mask
    addresses = addresses[~here][:count]
    kinds = random.integers(len(Access), size=len(addresses))
    bulk = {
        access: walk_many(rules, memory, root, addresses, access, privilege, keys=keys)
        for access in Access
    }
    for at, (va, kind) in enumerate(zip(addresses.tolist(), kinds.tolist(), strict=True)):
        access = Access(kind)
        ours = walker.explain(memory, root, va, access)
        theirs = oracle.access(controls, root, va, KINDS[access])
        about = _differs(oracle, bulk[access], at, ours, theirs)
        if about:
            entries = tuple(step.entry or 0 for step in ours.steps)
            found.mismatches.append(
                Mismatch(controls, access, va, _outcome(ours), theirs, entries, about)
            )
        found.outcomes[_name(ours)] += 1
        found.updates += isinstance(ours, Walked) and bool(ours.updates)
        if about:
            oracle.words[:] = before
        for step in ours.steps:
            if step.entry is not None:
                oracle.words[step.address >> 3] = step.entry
    found.cases += len(addresses)
    if not np.array_equal(oracle.words, before):
        raise RuntimeError("the emulator wrote to tables that were not on the way")


def _differs(
    oracle: Oracle,
    bulk: Walks,
    at: int,
    ours: Walked | Faulted | Unbacked,
    theirs: Outcome,
) -> str:
    """In what ours and theirs differ; nothing if they agree."""
    expected = _outcome(ours)
    if expected != theirs:
        return "the outcome"
    if bulk.ok[at]:
        if int(bulk.pa[at]) != theirs.pa:
            return "the bulk walk's address"
    elif theirs.vector == 0 or int(bulk.code[at]) != theirs.code:
        return "the bulk walk's fault"
    written = {one.address: one.value for one in ours.updates} if isinstance(ours, Walked) else {}
    for step in ours.steps:
        entry = step.entry or 0
        now = int(oracle.words[step.address >> 3])
        if isinstance(ours, Walked):
            if now != written.get(step.address, entry):
                return f"the accessed and dirty bits of the {step.name} entry: {now:#x}"
        elif now not in {entry, entry | _ACCESSED}:
            return f"the {step.name} entry: {now:#x}"
    return ""


def _outcome(ours: Walked | Faulted | Unbacked) -> Outcome:
    """What a processor would show of it."""
    match ours:
        case Walked():
            return Outcome(ours.pa)
        case Faulted():
            vector = _VECTORS[ours.name]
            return Outcome(None, vector, ours.code, ours.va if ours.report.address else 0)
    return Outcome(None)  # a table that is not there: this is nothing that a processor does


def _name(ours: Walked | Faulted | Unbacked) -> str:
    match ours:
        case Walked():
            return f"page of {ours.size >> 10} KiB"
        case Faulted():
            parts = " ".join(ours.report.parts) or "0"
            return f"{ours.name} {parts} ({ours.reason.value})"
    return "unbacked"


def show(agreements: Sequence[Agreement]) -> str:
    """The counts as text."""
    lines = []
    for one in agreements:
        lines.append(
            f"{one.mode}: {one.cases} accesses, {len(one.mismatches)} mismatches, "
            f"{one.updates} with accessed or dirty bits set"
        )
        lines += [f"  {number:7}  {name}" for name, number in sorted(one.outcomes.items())]
        lines += [f"  MISMATCH {bad}" for bad in one.mismatches[:5]]
    return "\n".join(lines)
