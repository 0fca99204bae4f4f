# SPDX-License-Identifier: Apache-2.0
"""Bit fields: each lies within its word, has one name, and overlaps no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.models.bits import Bits
from rocqgen.models.conditions import Field
from rocqgen.models.fit.finding import finding, listed, nearest
from rocqgen.models.scopes import (
    ACCESS_NAMES,
    KEY_NAMES,
    KINDS,
    PRIVILEGE_NAMES,
    REASON_NAMES,
    Kind,
)
from rocqgen.models.vocabulary import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rocqgen.models.fit.finding import Finding
    from rocqgen.models.lines import Path
    from rocqgen.models.schema import Conditions, Level, PagingModel

_LANGUAGE = ("always", "never")
_TAKEN = tuple(
    dict.fromkeys(
        (
            *_LANGUAGE,
            *KEY_NAMES,
            *ACCESS_NAMES,
            *PRIVILEGE_NAMES,
            *REASON_NAMES,
            *(right.value for right in RIGHTS),
        )
    )
)
_KEY_BITS = 4


def check_fields(model: PagingModel) -> Iterator[Finding]:
    """What does not fit among the bit fields of entries and of the root register."""
    for name in model.controls:
        if name in _TAKEN:
            yield finding(
                ("controls", name),
                f"`{name}` is a word of conditions and cannot name a control",
                expected=f"a name other than {listed(_TAKEN)}",
            )
    yield from _root(model)
    yield from _keys(model)
    found: dict[Path, Finding] = {}
    for number, level in enumerate(model.level):
        for kind in KINDS:
            if kind in level.entries:
                # A field of all levels is looked at in each of them and reported once.
                for one in _entry(model, number, level, kind):
                    found.setdefault(one[0], one)
    yield from found.values()


def address_bits(model: PagingModel, level: Level, kind: Kind) -> Bits | None:
    """The bits of an entry that hold an address; a leaf ignores those below its size."""
    field = model.entry.address
    low = field.bits.low + (max(0, level.shift - field.low) if kind == "leaf" else 0)
    return Bits(field.bits.high, low) if low <= field.bits.high else None


def _entry(model: PagingModel, number: int, level: Level, kind: Kind) -> Iterator[Finding]:
    here = f"the {level.name} {kind}'s address"
    seen: list[tuple[str, Bits]] = []
    address = address_bits(model, level, kind)
    if address is not None:
        seen.append((here, address))
        if address.high >= 8 * model.entry.bytes:
            yield finding(
                ("entry", "address", "bits"),
                f"an entry of {model.entry.bytes} bytes has no bit {address.high}",
            )
    places: list[tuple[Path, Mapping[str, Bits], Conditions]] = [
        (("entry",), model.entry.bits, model.entry.reserved),
        ((kind,), getattr(model, kind).bits, getattr(model, kind).reserved),
        (("level", number), level.bits, ()),
        (("level", number, kind), getattr(level, kind).bits, getattr(level, kind).reserved),
    ]
    for path, named, reserved in places:
        yield from _named(model, (*path, "bits"), named, seen)
        for place, condition in enumerate(reserved):
            term = condition.term
            if (
                isinstance(term, Field)
                and term.equals is None
                and address is not None
                and term.bits.overlaps(address)
            ):
                yield finding(
                    (*path, "reserved", place),
                    f"{term.bits.text} cannot be reserved: {here} is there ({address.text})",
                )


def _named(
    model: PagingModel, path: Path, named: Mapping[str, Bits], seen: list[tuple[str, Bits]]
) -> Iterator[Finding]:
    """Names of a scope; `seen` is what entries have so far, and grows."""
    width = 8 * model.entry.bytes
    for name, bits in named.items():
        if name in _LANGUAGE or name in model.controls:
            what = "a control" if name in model.controls else "a word of conditions"
            yield finding((*path, name), f"`{name}` is {what} already")
        elif bits.high >= width:
            yield finding(
                (*path, name),
                f"an entry of {model.entry.bytes} bytes has no bit {bits.high}",
                expected=f"bits 0 to {width - 1}",
            )
        for other, taken in seen:
            if other == name:
                yield finding((*path, name), f"`{name}` names {taken.text} already")
            elif bits.overlaps(taken):
                shown = other if " " in other else f"`{other}`"
                yield finding(
                    (*path, name), f"`{name}` ({bits.text}) overlaps {shown} ({taken.text})"
                )
        seen.append((name, bits))


def _root(model: PagingModel) -> Iterator[Finding]:
    root = model.root
    seen = [("the table's address", root.address.bits)]
    for name, bits in root.bits.items():
        if name in _LANGUAGE or name in model.controls:
            yield finding(("root", "bits", name), f"`{name}` cannot name bits")
        for other, taken in seen:
            if bits.overlaps(taken):
                yield finding(
                    ("root", "bits", name),
                    f"`{name}` ({bits.text}) overlaps {other} ({taken.text})",
                )
        seen.append((name, bits))
    for name, value in root.fixed.items():
        if name not in root.bits:
            yield finding(
                ("root", "fixed", name),
                f"unknown name `{name}`",
                expected=f"a name of [root] bits: {listed(root.bits) or 'there are none'}",
                hint=nearest(name, root.bits),
            )
        elif value.bit_length() > root.bits[name].width:
            yield finding(
                ("root", "fixed", name), f"{value} does not fit in {root.bits[name].text}"
            )


def _keys(model: PagingModel) -> Iterator[Finding]:
    if model.keys is None:
        return
    bits = model.keys.bits
    if bits.width > _KEY_BITS:
        yield finding(
            ("keys", "bits"),
            f"a key of {bits.width} bits has no place in a register of 32 bits",
            expected=f"at most {_KEY_BITS} bits",
        )
    if bits.high >= 8 * model.entry.bytes:
        yield finding(
            ("keys", "bits"), f"an entry of {model.entry.bytes} bytes has no bit {bits.high}"
        )
    if bits.overlaps(model.entry.address.bits):
        yield finding(
            ("keys", "bits"),
            f"{bits.text} overlaps an entry's address ({model.entry.address.bits.text})",
        )
