# SPDX-License-Identifier: Apache-2.0
"""Conditions: every name is known where it stands, and what is compared with fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from rocqgen.models.bits import Bits, SpecError
from rocqgen.models.cases import to_cases
from rocqgen.models.conditions import Condition, Field, Named, Not, Term, fields_of, names_of
from rocqgen.models.fit.finding import finding, listed, nearest
from rocqgen.models.scopes import (
    ACCESS_NAMES,
    KEY_NAMES,
    KINDS,
    PRIVILEGE_NAMES,
    REASON_NAMES,
    Kind,
    bind,
    entry_bits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.models.fit.finding import Finding
    from rocqgen.models.lines import Path
    from rocqgen.models.schema import PagingModel

_MOST_CONTROLS = 6


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a condition may speak of: bit fields of a word, and names that are true or false."""

    width: int = 0
    bits: Mapping[str, Bits] | None = None
    flags: tuple[str, ...] = ()
    what: str = ""

    def check(self, path: Path, condition: Condition) -> Iterator[Finding]:
        bits = self.bits or {}
        known = (*bits, *self.flags)
        before = ""
        for name in names_of(condition.term):
            if name.name in bits:
                width = bits[name.name].width
                if name.equals is not None and name.equals.bit_length() > width:
                    yield finding(
                        path, f"{name.equals} does not fit in {bits[name.name].text}, `{name.name}`"
                    )
            elif name.name not in self.flags:
                if name.name != before:
                    yield finding(
                        path,
                        f"unknown name `{name.name}`",
                        expected=f"{self.what}: {listed(known) or 'there are none'}",
                        hint=nearest(name.name, known),
                    )
                before = name.name
            elif name.equals is not None:
                yield finding(
                    path, f"`{name.name}` is true or false and has no value", hint=name.name
                )
        for field in fields_of(condition.term):
            if not self.width:
                yield finding(
                    path, f"`[{field.bits}]`: this condition is about an access, not about a word"
                )
            elif field.bits.high >= self.width:
                yield finding(
                    path,
                    f"there is no bit {field.bits.high}",
                    expected=f"bits 0 to {self.width - 1}",
                )


def check_conditions(model: PagingModel) -> Iterator[Finding]:
    """What does not fit in the conditions of a spec."""
    found: set[tuple[Path, str]] = set()
    for path, condition, scope in _conditions(model):
        sound = True
        for one in scope.check(path, condition):
            sound = False
            if (path, one[1].message) not in found:
                found.add((path, one[1].message))
                yield one
        if sound and scope.bits is not None:
            yield from _size(path, condition, scope)
    yield from _flags(model)


def _size(path: Path, condition: Condition, scope: _Scope) -> Iterator[Finding]:
    """Conditions on words become alternatives, which must not be too many."""
    used = sorted({name.name for name in names_of(condition.term)} & set(scope.flags))
    if len(used) > _MOST_CONTROLS:
        yield finding(
            path,
            f"this depends on {len(used)} controls",
            expected=f"at most {_MOST_CONTROLS} in one condition",
        )
        return
    try:
        for values in product((False, True), repeat=len(used)):
            truth = dict(zip(used, values, strict=True))
            to_cases(bind(condition.term, scope.bits or {}, truth))
    except SpecError as error:
        yield path, error


def _conditions(model: PagingModel) -> Iterator[tuple[Path, Condition, _Scope]]:
    """Every condition, where it stands, and what it may speak of."""
    controls = tuple(model.controls)
    width = 8 * model.entry.bytes

    def entries(bits: Mapping[str, Bits]) -> _Scope:
        return _Scope(width, bits, controls, "a bit of these entries or a control")

    root = _Scope(64, model.root.bits, controls, f"a bit of {model.root.name} or a control")
    yield from _numbered(("root", "reserved"), model.root.reserved, root)
    yield ("entry", "present"), model.entry.present, entries(entry_bits(model))
    yield from _numbered(("entry", "reserved"), model.entry.reserved, entries(entry_bits(model)))
    for number, level in enumerate(model.level):
        scope = entries(entry_bits(model, None, level))
        if level.leaf_if is not None:
            yield ("level", number, "leaf-if"), level.leaf_if, scope
        else:
            yield ("entry", "leaf-if"), model.entry.leaf_if, scope
        for kind in KINDS:
            yield from _numbered(
                ("level", number, kind, "reserved"),
                getattr(level, kind).reserved,
                entries(entry_bits(model, kind, level)),
            )
    for kind in KINDS:
        scope = entries(entry_bits(model, kind))
        yield from _numbered((kind, "reserved"), getattr(model, kind).reserved, scope)
        for right, grant in model.rights.items():
            yield ("rights", right.value, kind), getattr(grant, kind), scope
    yield from _decisions(model, controls)


def _numbered(
    path: Path, conditions: Iterable[Condition], scope: _Scope
) -> Iterator[tuple[Path, Condition, _Scope]]:
    for number, condition in enumerate(conditions):
        yield (*path, number), condition, scope


def _decisions(
    model: PagingModel, controls: tuple[str, ...]
) -> Iterator[tuple[Path, Condition, _Scope]]:
    """The conditions that are about an access, not an entry."""
    rights = tuple(right.value for right in model.rights)
    allow = _Scope(flags=(*rights, *controls), what="a right of [rights] or a control")
    forbid = _Scope(
        flags=(*KEY_NAMES, *rights, *controls), what="`AD`, `WD`, a right of [rights] or a control"
    )
    only = _Scope(flags=controls, what="a control")
    code = _Scope(
        flags=(*REASON_NAMES, *ACCESS_NAMES, *PRIVILEGE_NAMES, *controls),
        what="a reason, an access, a privilege or a control",
    )
    for privilege in PRIVILEGE_NAMES:
        for access in ACCESS_NAMES:
            accesses = getattr(model.allow, privilege)
            yield ("allow", privilege, access), getattr(accesses, access), allow
            if model.keys is not None:
                rules = getattr(model.keys, privilege)
                yield ("keys", privilege, access), getattr(rules, access), forbid
    if model.accessed is not None:
        yield ("accessed", "hardware"), model.accessed.hardware, only
    if model.dirty is not None:
        yield ("dirty", "hardware"), model.dirty.hardware, only
    for number, fault in enumerate(model.fault):
        for place, part in enumerate(fault.code):
            yield ("fault", number, "code", place, "when"), part.when, code


def _flags(model: PagingModel) -> Iterator[Finding]:
    """The accessed and dirty bits: each is one bit, or the opposite of one."""
    flags: list[tuple[Path, Condition | None, Kind]] = []
    if model.accessed is not None:
        flags += [(("accessed", kind), getattr(model.accessed, kind), kind) for kind in KINDS]
    if model.dirty is not None:
        flags.append((("dirty", "leaf"), model.dirty.leaf, "leaf"))
    for path, condition, kind in flags:
        if condition is None:
            continue
        bits = entry_bits(model, kind)
        if not _is_bit(condition.term, bits):
            yield finding(
                path,
                f"`{condition}` is not one bit of a {kind}",
                expected="the name of a bit, or `!` and one: " + listed(bits),
            )


def _is_bit(term: Term, bits: Mapping[str, Bits]) -> bool:
    match term.of if isinstance(term, Not) else term:
        case Named(name, None):
            return name in bits and bits[name].width == 1
        case Field(one, None):
            return one.width == 1
    return False
