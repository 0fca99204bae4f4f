# SPDX-License-Identifier: Apache-2.0
"""Renders a memory model as a theory: its layout as data, and the mode that the library makes.

The data mirrors the spec: one record field for each key, with bits in the place of their names.  So
a theory is short, and what it means is decided once, in `theories/machine/layout.v`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeAlias

from rocqgen import __version__
from rocqgen.emit.conditions import any_of, condition, string
from rocqgen.emit.escape import Fresh, comment
from rocqgen.emit.gallina import WIDTH, fill
from rocqgen.emit.marks import CLOSE, Marks
from rocqgen.emit.templates import load_template
from rocqgen.emit.theory import Role, Theory
from rocqgen.models.conditions import ALWAYS, Constant, Field, Not, names_of
from rocqgen.models.scopes import KINDS, bind, entry_bits
from rocqgen.models.vocabulary import Right
from rocqgen.source.location import Location
from rocqgen.source.reserved import why_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rocqgen.models.bits import Bits
    from rocqgen.models.conditions import Condition, Term
    from rocqgen.models.schema import Accesses, AddressField, Level, PagingModel
    from rocqgen.models.scopes import Kind

    RecordField: TypeAlias = tuple[str, str, str]
    """A field's name, its value, and what the spec says there if that has names."""

TEMPLATE = "model.v.j2"

_EXTENSION = {
    None: "ZeroExtended",
    "zero": "ZeroExtended",
    "ones": "OneExtended",
    "sign-extended": "SignExtended",
}
_EXCESS = {
    "reserved": "ExcessReserved",
    "address-size": "ExcessFault",
    "ignored": "ExcessIgnored",
}
_MISFIT = {"reserved": "MisfitReserved", "absent": "MisfitAbsent"}


def emit_model(model: PagingModel, *, source: str, text: str) -> Theory:
    """Render `model`, which was read from the file `source` that holds `text`."""
    name = model_theory_name(model.name)
    digest = hashlib.sha256(text.encode()).hexdigest()
    marks = Marks()
    context = _context(model, name) | {
        "version": comment(__version__),
        "template": TEMPLATE,
        "source": comment(source),
        "digest": comment(digest),
        "mark": marks.open(Role.SPEC, Location(source, 1), model.name),
        "end": CLOSE,
    }
    body, found = marks.strip(load_template(TEMPLATE).render(context))
    return Theory(
        name=name, text=body, theorem=f"{name}_wf", source=source, digest=digest, marks=found
    )


def model_theory_name(model: str) -> str:
    """The module of a model's theory, which is how all of its names begin."""
    name = model.replace("-", "_")
    return f"model_{name}" if why_refused(name) else name


def _context(model: PagingModel, name: str) -> dict[str, object]:
    grants = _Grants(model, name)
    shared = _shared_reserved(model)
    on = [string(key) for key, control in model.controls.items() if control.default]
    return {
        "model": comment(model.name),
        "title": comment(model.title),
        "manuals": [comment(line) for line in model.source],
        "root": comment(model.root.name),
        "bits": _legend(model),
        "keys": "" if model.keys is None else comment(model.keys.register_name),
        "name": name,
        "grants": grants.definitions(),
        "widths": _lines(_widths(model, shared), "  ", more=True),
        "levels": [_level(model, level, grants, shared) for level in model.level],
        "accesses": [
            ("ly_supervisor", _lines(_accesses(model.allow.supervisor), "    ")),
            ("ly_user", _lines(_accesses(model.allow.user), "    ")),
        ],
        "controls": fill(
            ["controls_on", "[" + "; ".join(on) + "]."],
            f"Definition {name}_controls : controls := ",
            "  ",
        ),
    }


def _lines(fields: Iterable[RecordField], indent: str, *, more: bool = False) -> list[str]:
    """The fields of a record, the last without a semicolon unless there are `more`."""
    fields = tuple(fields)
    lines = []
    for number, (label, code, said) in enumerate(fields, start=1):
        end = ";" if more or number < len(fields) else ""
        text = fill(f"{code}{end}".split(" "), f"{indent}{label} := ", f"{indent}  ")
        remark = f"(* {said} *)" if said else ""
        if remark and "\n" not in text and len(text) + 2 + len(remark) <= WIDTH:
            text += f"  {remark}"
        elif remark:
            lines.append(remark)
        lines += text.removeprefix(indent).split("\n" + indent)
    return lines


def _shared_reserved(model: PagingModel) -> tuple[Term, ...] | None:
    """What is reserved in all entries, if it means the same in all of them."""
    found = {
        tuple(bind(one.term, entry_bits(model, kind, level), {}) for one in model.entry.reserved)
        for level in model.level
        for kind in KINDS
    }
    return found.pop() if len(found) == 1 else None


def _widths(model: PagingModel, shared: tuple[Term, ...] | None) -> list[RecordField]:
    address, entry, root = model.address, model.entry, model.root
    fixed = [Not(Field(root.bits[name], value)) for name, value in root.fixed.items()]
    reserved = [bind(one.term, root.bits, {}) for one in root.reserved]
    said = [f"{name} != {value}" for name, value in root.fixed.items()]
    return [
        ("ly_virtual", str(address.virtual), ""),
        ("ly_pointer", str(address.pointer), ""),
        ("ly_physical", str(address.physical), ""),
        ("ly_extension", _EXTENSION[address.canonical], ""),
        ("ly_root", _address(root.address), comment(root.name)),
        ("ly_root_reserved", condition(any_of(fixed + reserved)), comment(" | ".join(said))),
        ("ly_width", f"Entry{entry.bytes}", ""),
        _condition("ly_present", [entry.present], entry_bits(model)),
        (
            "ly_reserved",
            condition(any_of(shared or ())),
            "" if shared is None else _said(entry.reserved),
        ),
        ("ly_address", _address(entry.address), ""),
        ("ly_excess", _EXCESS[entry.above_physical], ""),
        ("ly_misfit", _MISFIT[entry.misplaced], ""),
    ]


def _address(field: AddressField) -> str:
    return f"AddressBits {field.bits.high} {field.bits.low} {field.low}"


def _level(
    model: PagingModel, level: Level, grants: _Grants, shared: tuple[Term, ...] | None
) -> dict[str, object]:
    leaf_if = model.entry.leaf_if if level.leaf_if is None else level.leaf_if
    fields = [
        ("ll_name", string(level.name), ""),
        ("ll_high", str(level.index.high), ""),
        ("ll_low", str(level.index.low), ""),
        ("ll_registers", str(level.loaded_with_root).lower(), ""),
        _condition("ll_leaf_if", [leaf_if], entry_bits(model, None, level)),
    ]

    def lines(kind: Kind) -> list[str]:
        there = kind in level.entries
        own = _kind(model, level, kind, grants, shared is not None) if there else ()
        return _lines(own, " " * 8)

    return {
        "lines": _lines(fields, " " * 6, more=True),
        "table": lines("table"),
        "leaf": lines("leaf"),
    }


def _kind(
    model: PagingModel, level: Level, kind: Kind, grants: _Grants, shared: bool
) -> list[RecordField]:
    reserved = getattr(model, kind).reserved + getattr(level, kind).reserved
    if not shared:
        reserved = model.entry.reserved + reserved
    accessed: Term = Constant(value=True)
    said = ""
    if model.accessed is not None and not level.loaded_with_root:
        flag: Condition | None = getattr(model.accessed, kind)
        if flag is not None:
            accessed = _by_hardware(model.accessed.hardware, flag, entry_bits(model, kind))
            said = _said([model.accessed.hardware, flag]) if _varies(accessed) else ""
    return [
        _condition("kd_reserved", reserved, entry_bits(model, kind, level)),
        ("kd_accessed", condition(accessed), said),
        ("kd_grants", grants.of(level, kind), ""),
    ]


def _by_hardware(hardware: Condition, flag: Condition, bits: Mapping[str, Bits]) -> Term:
    """The flag is set, or the processor sets it."""
    return any_of([hardware.term, bind(flag.term, bits, {})])


def _accesses(rules: Accesses) -> list[RecordField]:
    return [
        _condition(f"ac_{access}", [getattr(rules, access)], {})
        for access in ("read", "write", "fetch")
    ]


def _condition(
    label: str, conditions: Iterable[Condition], bits: Mapping[str, Bits]
) -> RecordField:
    """A field that says that one of the conditions holds."""
    conditions = tuple(conditions)
    code = condition(any_of(bind(one.term, bits, {}) for one in conditions))
    return label, code, _said(conditions) if bits else ""


def _said(conditions: Iterable[Condition]) -> str:
    """The conditions as the spec writes them, if that tells more than the data does."""
    conditions = tuple(conditions)
    named = any(True for one in conditions for _ in names_of(one.term))
    return comment(" | ".join(map(str, conditions))) if named else ""


def _varies(term: Term) -> bool:
    return not isinstance(term, Constant)


class _Grants:
    """What entries grant, kind by kind; kinds and levels that agree share one definition."""

    def __init__(self, model: PagingModel, name: str) -> None:
        self.model = model
        self.names: dict[tuple[RecordField, ...], str] = {}
        users: dict[tuple[RecordField, ...], set[Kind]] = {}
        for level in model.level:
            for kind in KINDS:
                fields = self._fields(level, kind)
                if kind in level.entries and any(code != "Always" for _, code, _ in fields):
                    users.setdefault(fields, set()).add(kind)
        taken = Fresh(())
        for fields, kinds in users.items():
            kind_of = kinds if len(kinds) == 1 else ()
            self.names[fields] = taken("_".join([name, *kind_of, "grants"]))

    def of(self, level: Level, kind: Kind) -> str:
        """The name of the definition for this kind in this level."""
        return self.names.get(self._fields(level, kind), "grants_all")

    def definitions(self) -> list[dict[str, object]]:
        """The definitions, in the order of their first use."""
        return [
            {"name": name, "lines": _lines(fields, "  ")} for fields, name in self.names.items()
        ]

    def _fields(self, level: Level, kind: Kind) -> tuple[RecordField, ...]:
        model = self.model
        bits = entry_bits(model, kind, level)
        fields = []
        for right in Right:
            grant = None if level.loaded_with_root else model.rights.get(right)
            given = ALWAYS if grant is None else getattr(grant, kind)
            fields.append(_condition(f"gr_{right.value.replace('-', '_')}", [given], bits))
        dirty: Term = Constant(value=True)
        said = ""
        if kind == "leaf" and model.dirty is not None:
            dirty = _by_hardware(model.dirty.hardware, model.dirty.leaf, entry_bits(model, kind))
            said = _said([model.dirty.hardware, model.dirty.leaf]) if _varies(dirty) else ""
        return (*fields, ("gr_dirty", condition(dirty), said))


def _legend(model: PagingModel) -> list[str]:
    """The names of bits, by the kind of entry that has them."""
    groups: list[tuple[str, Mapping[str, Bits]]] = [(model.root.name, model.root.bits)]
    groups += [("entries", model.entry.bits)]
    groups += [(f"{kind} entries", getattr(model, kind).bits) for kind in KINDS]
    for level in model.level:
        groups += [(level.name, level.bits)]
        groups += [(f"{level.name}, {kind} entries", getattr(level, kind).bits) for kind in KINDS]
    return [
        fill(comment(_listed(named)).split(" "), f"     {comment(title)}:", "       ")
        for title, named in groups
        if named
    ]


def _listed(named: Mapping[str, Bits]) -> str:
    return ", ".join(f"{name} {bits}" for name, bits in named.items())
