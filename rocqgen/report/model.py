# SPDX-License-Identifier: Apache-2.0
"""A memory model as a page of text, in the words of its spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.models.conditions import ALWAYS, NEVER
from rocqgen.models.scopes import ACCESS_NAMES, KINDS, PRIVILEGE_NAMES
from rocqgen.report.model_picture import draw_address
from rocqgen.report.paging import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rocqgen.models import PagingModel
    from rocqgen.models.bits import Bits
    from rocqgen.models.conditions import Condition
    from rocqgen.models.schema import AddressField, Fault

_ABOVE = {
    "reserved": "reserved",
    "address-size": "an address-size fault",
    "ignored": "not checked",
}


def render_model(model: PagingModel) -> str:
    """Everything that a spec says, without a trailing newline."""
    parts = [
        [f"{model.name}: {model.title}", *(f"  {source}" for source in model.source)],
        _address(model),
        _levels(model),
        _entries(model),
        _rights(model),
        _access(model),
        _keys(model),
        _flags(model),
        _faults(model),
        _controls(model),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def render_list(models: Iterable[PagingModel]) -> str:
    """One line for each model."""
    return "\n".join(_table([[model.name, model.title] for model in models], indent=""))


def _address(model: PagingModel) -> list[str]:
    address = model.address
    root = model.root
    said = [f"the first table at {_field(root.address)}"]
    said += [f"{name} = {value}" for name, value in root.fixed.items()]
    if root.reserved:
        said.append("reserved: " + _any(root.reserved))
    named = _fields(root.bits)
    return [
        (
            f"Address: {address.virtual} of {address.pointer} bits are translated, to physical "
            f"addresses of at most {address.physical} bits"
        ),
        *(f"  {line}" for line in draw_address(model)),
        f"Root: {root.name}, " + "; ".join(said),
        *([f"  {named}"] if named else []),
    ]


def _levels(model: PagingModel) -> list[str]:
    rows = [["level", "index", "entries", "leaf if", "a leaf maps", "own bits", "also reserved"]]
    for level in model.level:
        own = [_fields(level.bits)]
        reserved = []
        for kind in KINDS:
            part = getattr(level, kind)
            own.append(_fields(part.bits) and f"{kind}: {_fields(part.bits)}")
            reserved.append(part.reserved and f"{kind}: {_any(part.reserved)}")
        leaf_if = level.leaf_if or model.entry.leaf_if
        rows.append(
            [
                level.name,
                str(level.index),
                " or ".join(level.entries) + (", loaded with root" * level.loaded_with_root),
                str(leaf_if),
                size_text(1 << level.shift) if level.holds_leaves else "-",
                ", ".join(part for part in own if part) or "-",
                ", ".join(part for part in reserved if part) or "-",
            ]
        )
    return ["Levels:", *_table(rows)]


def _entries(model: PagingModel) -> list[str]:
    entry = model.entry
    lines = [
        (
            f"Entries: {entry.bytes} bytes, present if {entry.present}, address at "
            f"{_field(entry.address)}"
        ),
        f"  an address above the processor's physical addresses: {_ABOVE[entry.above_physical]}",
        f"  a kind that its level cannot hold: {entry.misplaced}",
    ]
    rows = []
    for name, part in (("both kinds", entry), ("table", model.table), ("leaf", model.leaf)):
        if part.bits or part.reserved:
            rows.append([name, _fields(part.bits) or "-", _any(part.reserved) or "-"])
    return lines + _table([["", "bits", "reserved"], *rows])


def _rights(model: PagingModel) -> list[str]:
    rows = [["", "table", "leaf"]]
    for right, grant in model.rights.items():
        rows.append([right.value, *(_or_dash(getattr(grant, kind)) for kind in KINDS)])
    return ["Rights, granted by a path whose entries all grant them:", *_table(rows)]


def _or_dash(condition: Condition) -> str:
    return "-" if condition.term == ALWAYS.term else str(condition)


def _access(model: PagingModel) -> list[str]:
    rows = [["", *PRIVILEGE_NAMES]]
    for access in ACCESS_NAMES:
        rules = (getattr(getattr(model.allow, one), access) for one in PRIVILEGE_NAMES)
        rows.append([access, *map(str, rules)])
    return ["Accesses, allowed if:", *_table(rows)]


def _keys(model: PagingModel) -> list[str]:
    keys = model.keys
    if keys is None:
        return []
    rows = [["", *PRIVILEGE_NAMES]]
    for access in ACCESS_NAMES:
        rules = [getattr(getattr(keys, one), access) for one in PRIVILEGE_NAMES]
        if any(rule.term != NEVER.term for rule in rules):
            rows.append([access, *map(str, rules)])
    return [
        (
            f"Protection keys: {keys.bits.text} of a leaf; key k has AD at bit 2k of "
            f"{keys.register_name} and WD above it; an access is forbidden if:"
        ),
        *_table(rows),
    ]


def _flags(model: PagingModel) -> list[str]:
    rows = []
    if model.accessed is not None:
        places = [
            f"{condition} of a {kind}"
            for kind in KINDS
            if (condition := getattr(model.accessed, kind)) is not None
        ]
        rows.append(["Accessed:", " and ".join(places), _who(model.accessed.hardware)])
    if model.dirty is not None:
        rows.append(["Dirty:", f"{model.dirty.leaf} of a leaf", _who(model.dirty.hardware)])
    return _table(rows, indent="")


def _who(hardware: Condition) -> str:
    if hardware.term == ALWAYS.term:
        return "set by the processor"
    if hardware.term == NEVER.term:
        return "set by software after a fault"
    return f"set by the processor if {hardware}, else by software after a fault"


def _faults(model: PagingModel) -> list[str]:
    lines = ["Faults:"]
    for fault in model.fault:
        lines.append(f"  {fault.name}: {', '.join(fault.reasons)}{_where(fault)}")
        rows = [
            [part.name, f"{part.value:#x}", "" if part.when.term == ALWAYS.term else str(part.when)]
            for part in fault.code
        ]
        if fault.level is not None:
            rows.append(["number of the level", fault.level.text, ""])
        lines += _table(rows, indent="    ")
    return lines


def _where(fault: Fault) -> str:
    said = "" if fault.address is None else f"; the address in {fault.address}"
    return said + (f"; {fault.code_name}:" if fault.code else f"; {fault.code_name} 0")


def _controls(model: PagingModel) -> list[str]:
    rows = [
        [name, control.name, "on" if control.default else "off", control.about]
        for name, control in model.controls.items()
    ]
    return ["Controls, and how they are set if nothing is said:", *_table(rows)] if rows else []


def _field(field: AddressField) -> str:
    return field.bits.text + ("" if field.low == field.bits.low else f" from bit {field.low} on")


def _fields(bits: Mapping[str, Bits]) -> str:
    return " ".join(f"{name}={one}" for name, one in bits.items())


def _any(conditions: Sequence[Condition]) -> str:
    return ", ".join(map(str, conditions))


def _table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """The rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (indent + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
