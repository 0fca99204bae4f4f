# SPDX-License-Identifier: Apache-2.0
"""One access, translated with a trace: each rule of the model in the order of the manuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.mmu.outcome import EntryWrite, Faulted, Step, Unbacked, Walked
from rocqgen.models.cases import matches
from rocqgen.models.resolve import Rules, resolve
from rocqgen.models.vocabulary import ALL_RIGHTS, Access, Privilege, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.mmu.memory import PhysicalMemory, SparseMemory
    from rocqgen.models.resolve import Controls, EntryRules, LevelRules
    from rocqgen.models.schema import PagingModel


def walk(
    model: PagingModel | Rules,
    memory: PhysicalMemory,
    root: int,
    va: int,
    *,
    access: Access = Access.READ,
    privilege: Privilege = Privilege.SUPERVISOR,
    controls: Controls | None = None,
    max_physical: int | None = None,
    pkru: int = 0,
) -> Walked | Faulted | Unbacked:
    """Translate one access; `root` is the value of the root register.

    With `Rules` instead of a model, their controls and physical addresses hold. Nothing is written:
    `Walked.updates` tells what the processor would write. A fault sets no accessed bits here, which
    x86 leaves open (SDM vol. 3A, 4.8). `UserError` if `va` has more bits than a pointer.
    """
    rules = model if isinstance(model, Rules) else resolve(model, controls, max_physical)
    pointer = rules.model.address.pointer
    if not 0 <= va < 1 << pointer:
        raise UserError(f"the address {va:#x} does not fit in {pointer} bits")
    return _Walk(rules, access, privilege, pkru, va).run(memory, root)


def apply_updates(memory: SparseMemory, updates: Sequence[EntryWrite]) -> None:
    """Write the entries back, as the processor does."""
    for update in updates:
        memory.write_word(update.address, update.value, update.width)


def judge(
    rules: Rules, level: LevelRules, kind: EntryRules, entry: int, *, leaf: bool
) -> tuple[Reason | None, str]:
    """Why an entry ends the walk, and the rule as it was written; None if it does not."""
    if not matches(rules.present, entry):
        return Reason.ABSENT, ""
    reason, detail = _wrong(rules, level, kind, entry, leaf=leaf)
    if reason is Reason.RESERVED and level.loaded_with_root:
        # The load of the root would have failed.
        return Reason.ROOT, detail
    if reason is not None or rules.accessed_by_hardware or kind.accessed is None:
        return reason, detail
    return (None if kind.accessed.of(entry) else Reason.ACCESSED), ""


def _wrong(
    rules: Rules, level: LevelRules, kind: EntryRules, entry: int, *, leaf: bool
) -> tuple[Reason | None, str]:
    """What is wrong with a present entry."""
    if not (level.holds_leaves if leaf else level.holds_tables):
        return rules.misplaced, f"no {'leaf' if leaf else 'table'} can occur in this level"
    for text, cases in kind.reserved:
        if matches(cases, entry):
            return Reason.RESERVED, text
    if rules.above_reason is not None and entry & rules.above_mask:
        return rules.above_reason, _too_high(rules)
    return None, ""


def _too_high(rules: Rules) -> str:
    return f"address above {rules.max_physical} bits"


@dataclass(frozen=True, slots=True)
class _Used:
    """An entry that the walk went through."""

    kind: EntryRules
    address: int
    entry: int


@dataclass(slots=True)
class _Walk:
    """The state of one walk."""

    rules: Rules
    access: Access
    privilege: Privilege
    pkru: int
    va: int
    steps: list[Step] = field(default_factory=list)
    used: list[_Used] = field(default_factory=list)

    def fault(self, reason: Reason, level: int, detail: str = "") -> Faulted:
        report = self.rules.fault(reason, self.access, self.privilege, level)
        return Faulted(self.va, reason, level, report, detail, tuple(self.steps))

    def run(self, memory: PhysicalMemory, root: int) -> Walked | Faulted | Unbacked:
        rules = self.rules
        problem = rules.root_problem(root)
        if problem is not None:
            return self.fault(Reason.ROOT, 0, problem)
        if not rules.canonical(self.va):
            return self.fault(Reason.NONCANONICAL, 0)
        table = rules.model.root.address.get(root)
        if rules.above_reason is not None and table >> rules.max_physical:
            reserved = rules.above_reason is Reason.RESERVED
            return self.fault(Reason.ROOT if reserved else rules.above_reason, 0, _too_high(rules))
        rights = ALL_RIGHTS
        for level in rules.levels:
            index = self.va >> level.shift & level.index_mask
            address = table + index * rules.entry_bytes
            data = memory.read(address, rules.entry_bytes)
            if data is None:
                self.steps.append(
                    Step(level.number, level.name, index, address, None, "unbacked", None, 0, ())
                )
                return Unbacked(self.va, level.number, address, tuple(self.steps))
            step = self.step(level, index, address, int.from_bytes(data, "little"))
            self.steps.append(step)
            if step.target is None:
                return self.fault(Reason(step.decision), level.number, step.detail)
            rights &= step.rights
            if step.decision == "leaf":
                return self.finish(level, step.target, rights)
            table = step.target
        raise AssertionError("the last level holds no tables")

    def step(self, level: LevelRules, index: int, address: int, entry: int) -> Step:
        """Read an entry by the rules."""
        rules = self.rules
        leaf = matches(level.leaf_if, entry)
        kind = level.leaf if leaf else level.table
        reason, detail = judge(rules, level, kind, entry, leaf=leaf)
        target = None
        if reason is None:
            target = rules.address.get(entry) & (-level.leaf_size if leaf else -1)
            self.used.append(_Used(kind, address, entry))
        named = ((name, bits.get(entry)) for name, bits in kind.bits.items())
        return Step(
            level=level.number,
            name=level.name,
            index=index,
            address=address,
            entry=entry,
            decision=reason.value if reason is not None else "leaf" if leaf else "table",
            target=target,
            rights=kind.granted(entry) if reason is None else 0,
            bits=tuple((name, value) for name, value in named if value),
            detail=detail,
        )

    def finish(self, level: LevelRules, frame: int, rights: int) -> Walked | Faulted:
        """At the leaf: the key, the rights, the dirty bit."""
        rules, access, privilege = self.rules, self.access, self.privilege
        entry = self.used[-1].entry
        key = None
        if rules.keys is not None:
            key = rules.keys.get(entry)
            forbids = rules.key_forbids[privilege][access][self.pkru >> 2 * key & 3]
            if forbids >> rights & 1:
                return self.fault(Reason.KEY, level.number, f"key {key}")
        if not rules.allow[privilege][access] >> rights & 1:
            return self.fault(Reason.PROTECTION, level.number)
        clean = access is Access.WRITE and rules.dirty is not None and not rules.dirty.of(entry)
        if clean and not rules.dirty_by_hardware:
            return self.fault(Reason.DIRTY, level.number)
        return Walked(
            va=self.va,
            pa=frame | self.va & (level.leaf_size - 1),
            rights=rights,
            size=level.leaf_size,
            level=level.number,
            key=key,
            updates=tuple(self.updates(written=clean)),
            steps=tuple(self.steps),
        )

    def updates(self, *, written: bool) -> list[EntryWrite]:
        """The entries with their accessed bits set, and the leaf's dirty bit if it was written."""
        rules = self.rules
        found = []
        for used in self.used:
            value = used.entry
            flag = used.kind.accessed
            if flag is not None and rules.accessed_by_hardware:
                value = value & ~flag.mask | flag.value
            if written and used is self.used[-1] and rules.dirty is not None:
                value = value & ~rules.dirty.mask | rules.dirty.value
            if value != used.entry:
                found.append(EntryWrite(used.address, value, rules.entry_bytes))
        return found
