# SPDX-License-Identifier: Apache-2.0
"""A model with its controls fixed: every rule as masks, alternatives and truth tables.

Whoever walks tables, one address at a time or many, interprets `Rules` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.models.bits import Bits
from rocqgen.models.cases import ALWAYS_CASES, Cases, Match, matches, to_cases
from rocqgen.models.conditions import And, Condition, Constant, Named, Not, Or, Term, holds
from rocqgen.models.scopes import KEY_NAMES, Kind, bind, entry_bits
from rocqgen.models.vocabulary import (
    ALL_RIGHTS,
    REASONS,
    RIGHTS,
    Access,
    Privilege,
    Reason,
)

if TYPE_CHECKING:
    from rocqgen.models.schema import AddressField, Fault, Level, PagingModel

Controls = Mapping[str, bool]
"""Values of a model's controls; those that are not mentioned have their defaults."""


@dataclass(frozen=True, slots=True)
class EntryRules:
    """What holds of present entries of one kind in one level."""

    bits: Mapping[str, Bits]
    """The fields that have names."""
    reserved: tuple[tuple[str, Cases], ...]
    """Each reserved condition as it was written, and its alternatives."""
    reserved_mask: int
    """Bits any of which is reserved."""
    reserved_cases: Cases
    """The reserved conditions that are not in the mask."""
    rights: tuple[Cases, ...]
    """For each of `RIGHTS`, when the entry grants it."""
    accessed: Match | None
    """True of entries whose accessed bit is set; None without one."""

    def granted(self, entry: int) -> int:
        """The rights that an entry grants, as a number."""
        return sum(
            right.flag
            for right, cases in zip(RIGHTS, self.rights, strict=True)
            if matches(cases, entry)
        )


@dataclass(frozen=True, slots=True)
class LevelRules:
    """One level; `number` counts from 0 at the root."""

    number: int
    name: str
    shift: int
    index_mask: int
    holds_tables: bool
    holds_leaves: bool
    leaf_if: Cases
    loaded_with_root: bool
    table: EntryRules
    leaf: EntryRules

    @property
    def leaf_size(self) -> int:
        """The bytes that a leaf of this level maps."""
        return 1 << self.shift


@dataclass(frozen=True, slots=True)
class FaultCode:
    """A fault as the architecture reports it; `parts` names the parts of its code."""

    name: str
    code: int
    code_name: str
    parts: tuple[str, ...]
    address: str | None
    """The register that receives the address."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A model under given controls and an implementation's physical addresses."""

    model: PagingModel
    controls: Mapping[str, bool]
    """All of the model's controls."""
    max_physical: int
    """The bits of physical addresses that the implementation has (MAXPHYADDR)."""
    levels: tuple[LevelRules, ...]
    """From the root down."""
    entry_bytes: int
    present: Cases
    misplaced: Reason
    address: AddressField
    above_mask: int
    """The bits of an entry that stand for physical addresses which are too high."""
    above_reason: Reason | None
    """What such an address is; None where it is nothing special."""
    root_fixed: Match
    root_reserved: tuple[tuple[str, Cases], ...]
    allow: tuple[tuple[int, ...], ...]
    """`allow[privilege][access] >> rights & 1`: whether these rights allow the access."""
    keys: Bits | None
    """Where a leaf holds its protection key."""
    key_forbids: tuple[tuple[tuple[int, ...], ...], ...]
    """`key_forbids[privilege][access][two bits of the key] >> rights & 1`; bit 0 AD, bit 1 WD."""
    accessed_by_hardware: bool
    dirty: Match | None
    """True of leaves whose dirty bit is set."""
    dirty_by_hardware: bool

    def canonical(self, va: int) -> bool:
        """Whether `va` is a valid virtual address."""
        widths = self.model.address
        if not 0 <= va < 1 << widths.pointer:
            return False
        upper = va >> widths.virtual
        ones = (1 << (widths.pointer - widths.virtual)) - 1
        match widths.canonical:
            case "sign-extended":
                return upper == (ones if va >> (widths.virtual - 1) & 1 else 0)
            case "ones":
                return upper == ones
        return upper == 0

    def root_problem(self, root: int) -> str | None:
        """What is wrong with a value of the root register: the condition, as it was written."""
        if not self.root_fixed.of(root):
            for name, value in self.model.root.fixed.items():
                if self.model.root.bits[name].get(root) != value:
                    return f"{name} != {value}"
        for text, cases in self.root_reserved:
            if matches(cases, root):
                return text
        return None

    def root_value(self, table: int) -> int:
        """The root register's value for a first table at `table`."""
        return self.model.root.address.put(table) | self.root_fixed.value

    def fault(self, reason: Reason, access: Access, privilege: Privilege, level: int) -> FaultCode:
        """What the architecture reports for a reason; `level` counts from 0 at the root."""
        return _fault(self.model, tuple(self.controls.items()), reason, access, privilege, level)


def resolve(
    model: PagingModel, controls: Controls | None = None, max_physical: int | None = None
) -> Rules:
    """Fix a model's controls and the width of physical addresses.

    `UserError` for a control that the model does not have, and for a width that is impossible.
    """
    truth = complete_controls(model, controls)
    width = model.address.physical if max_physical is None else max_physical
    if not 12 <= width <= model.address.physical:
        raise UserError(
            f"physical addresses of {width} bits are impossible with {model.name}",
            expected=f"12 to {model.address.physical}",
        )
    return _resolve(_ByIdentity(model), tuple(truth.items()), width)


def complete_controls(model: PagingModel, controls: Controls | None) -> dict[str, bool]:
    """All controls, with defaults where `controls` says nothing."""
    truth = {name: control.default for name, control in model.controls.items()}
    for name, value in (controls or {}).items():
        if name not in truth:
            raise UserError(
                f"{model.name} has no control `{name}`",
                expected=", ".join(truth) or "none: this model has no controls",
            )
        truth[name] = bool(value)
    return truth


class _ByIdentity:
    """A model as a key of a cache; comparing models by value is slow."""

    __slots__ = ("model",)

    def __init__(self, model: PagingModel) -> None:
        self.model = model

    def __hash__(self) -> int:
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.model is other.model


@lru_cache(maxsize=64)
def _resolve(key: _ByIdentity, controls: tuple[tuple[str, bool], ...], width: int) -> Rules:
    model = key.model
    truth = dict(controls)
    field = model.entry.address
    above = ((1 << 64) - 1) >> width << width
    fixed = [(model.root.bits[name], value) for name, value in model.root.fixed.items()]
    return Rules(
        model=model,
        controls=truth,
        max_physical=width,
        levels=tuple(_level(model, number, truth) for number in range(len(model.level))),
        entry_bytes=model.entry.bytes,
        present=_cases(model.entry.present, entry_bits(model), truth),
        misplaced=Reason(model.entry.misplaced),
        address=field,
        above_mask=0 if model.entry.above_physical == "ignored" else field.put(above),
        above_reason=(
            None if model.entry.above_physical == "ignored" else Reason(model.entry.above_physical)
        ),
        root_fixed=Match(
            sum(bits.mask for bits, _ in fixed), sum(bits.put(value) for bits, value in fixed)
        ),
        root_reserved=_reserved(model.root.reserved, model.root.bits, truth),
        allow=tuple(
            tuple(
                _truth_table(getattr(getattr(model.allow, privilege.word), access.word), truth)
                for access in Access
            )
            for privilege in Privilege
        ),
        keys=None if model.keys is None else model.keys.bits,
        key_forbids=_key_forbids(model, truth),
        accessed_by_hardware=model.accessed is None
        or holds(model.accessed.hardware.term, 0, truth),
        dirty=None if model.dirty is None else _flag(model.dirty.leaf, entry_bits(model, "leaf")),
        dirty_by_hardware=model.dirty is None or holds(model.dirty.hardware.term, 0, truth),
    )


def _cases(condition: Condition, bits: Mapping[str, Bits], truth: Mapping[str, bool]) -> Cases:
    return to_cases(bind(condition.term, bits, truth))


def _reserved(
    conditions: tuple[Condition, ...], bits: Mapping[str, Bits], truth: Mapping[str, bool]
) -> tuple[tuple[str, Cases], ...]:
    found = ((str(one), _cases(one, bits, truth)) for one in conditions)
    return tuple((text, cases) for text, cases in found if cases)


def _flag(condition: Condition, bits: Mapping[str, Bits]) -> Match:
    """The one alternative of a condition that is a bit or the opposite of one."""
    (flag,) = _cases(condition, bits, {})
    return flag


def _level(model: PagingModel, number: int, truth: Mapping[str, bool]) -> LevelRules:
    level = model.level[number]
    leaf_if = model.entry.leaf_if if level.leaf_if is None else level.leaf_if
    return LevelRules(
        number=number,
        name=level.name,
        shift=level.shift,
        index_mask=(1 << level.index.width) - 1,
        holds_tables=level.holds_tables,
        holds_leaves=level.holds_leaves,
        leaf_if=_cases(leaf_if, entry_bits(model, None, level), truth),
        loaded_with_root=level.loaded_with_root,
        table=_entry(model, level, "table", truth),
        leaf=_entry(model, level, "leaf", truth),
    )


def _entry(model: PagingModel, level: Level, kind: Kind, truth: Mapping[str, bool]) -> EntryRules:
    bits = entry_bits(model, kind, level)
    reserved = _reserved(
        model.entry.reserved + getattr(model, kind).reserved + getattr(level, kind).reserved,
        bits,
        truth,
    )
    alternatives = [case for _, cases in reserved for case in cases]
    single = [
        case for case in alternatives if case.value == case.mask and case.mask.bit_count() == 1
    ]
    mask = sum({case.mask for case in single})
    accessed = None
    plain = level.loaded_with_root
    if model.accessed is not None and not plain:
        condition = getattr(model.accessed, kind)
        accessed = None if condition is None else _flag(condition, entry_bits(model, kind))
    return EntryRules(
        bits=bits,
        reserved=reserved,
        reserved_mask=mask,
        reserved_cases=tuple(case for case in alternatives if case not in single),
        rights=tuple(
            ALWAYS_CASES
            if plain or right not in model.rights
            else _cases(getattr(model.rights[right], kind), bits, truth)
            for right in RIGHTS
        ),
        accessed=accessed,
    )


_EVERY = (1 << (ALL_RIGHTS + 1)) - 1
_TABLES = {
    right.value: sum(1 << rights for rights in range(ALL_RIGHTS + 1) if rights & right.flag)
    for right in RIGHTS
}
"""The truth table of each right as a condition."""


def _truth_table(condition: Condition, truth: Mapping[str, bool]) -> int:
    """Bit `r` is set if the condition holds of the rights `r`."""
    names = {name: _EVERY if value else 0 for name, value in truth.items()}
    return _table(condition.term, names | _TABLES)


def _table(term: Term, names: Mapping[str, int]) -> int:
    match term:
        case Constant(value):
            return _EVERY if value else 0
        case Named(name):
            return names[name]
        case Not(of):
            return _EVERY & ~_table(of, names)
        case And(parts):
            return reduce(and_, (_table(part, names) for part in parts))
        case Or(parts):
            return reduce(or_, (_table(part, names) for part in parts))
    raise AssertionError("no entry is at hand here")


def _key_forbids(
    model: PagingModel, truth: Mapping[str, bool]
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    if model.keys is None:
        return ()
    found = []
    for privilege in Privilege:
        rules = getattr(model.keys, privilege.word)
        found.append(
            tuple(
                tuple(
                    _truth_table(
                        getattr(rules, access.word),
                        {**truth, **{n: bool(key >> i & 1) for i, n in enumerate(KEY_NAMES)}},
                    )
                    for key in range(4)
                )
                for access in Access
            )
        )
    return tuple(found)


def _fault(
    model: PagingModel,
    controls: tuple[tuple[str, bool], ...],
    reason: Reason,
    access: Access,
    privilege: Privilege,
    level: int,
) -> FaultCode:
    truth = dict(controls)
    truth |= {one.value: one is reason for one in REASONS}
    truth |= {one.word: one is access for one in Access}
    truth |= {one.word: one is privilege for one in Privilege}
    fault: Fault | None = next((one for one in model.fault if reason in one.reasons), None)
    if fault is None:
        return FaultCode(f"invalid {model.root.name}", 0, "", (), None)
    code = 0
    parts = []
    for part in fault.code:
        if holds(part.when.term, 0, truth):
            code |= part.value
            parts.append(part.name)
    if fault.level is not None:
        code |= fault.level.put(level)
    return FaultCode(fault.name, code, fault.code_name, tuple(parts), fault.address)
