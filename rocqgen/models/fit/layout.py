# SPDX-License-Identifier: Apache-2.0
"""Widths and levels: the bits of an address are used once each, and without gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.models.bits import Bits
from rocqgen.models.conditions import Constant
from rocqgen.models.fit.finding import finding, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.models.fit.finding import Finding
    from rocqgen.models.schema import PagingModel

_WIDEST_INDEX = 20


def check_layout(model: PagingModel) -> Iterator[Finding]:
    """What does not fit among `[address]`, the levels and the address fields."""
    yield from _widths(model)
    yield from _indices(model)
    yield from _kinds(model)
    yield from _address_fields(model)


def _widths(model: PagingModel) -> Iterator[Finding]:
    address = model.address
    upper = address.pointer - address.virtual
    if upper < 0:
        yield finding(
            ("address", "virtual"),
            f"a pointer of {address.pointer} bits cannot hold {address.virtual} bits",
            expected=f"at most {address.pointer}",
        )
    elif upper > 0 and address.canonical is None:
        yield finding(
            ("address",),
            f"the upper {upper} bits of a pointer are not translated, and nothing says what they "
            "must be",
            hint='canonical = "sign-extended" (or "zero", or "ones")',
        )
    elif upper == 0 and address.canonical is not None:
        yield finding(
            ("address", "canonical"),
            "all bits of a pointer are translated: none is left over",
            expected=f"no key `canonical`, or `virtual` below {address.pointer}",
        )


def _indices(model: PagingModel) -> Iterator[Finding]:
    levels = model.level
    names: dict[str, int] = {}
    for number, level in enumerate(levels):
        path = ("level", number, "index")
        if names.setdefault(level.name, number) != number:
            yield finding(
                ("level", number, "name"), f"there is a level `{level.name}` above this one already"
            )
        if level.index.width > _WIDEST_INDEX:
            yield finding(
                path,
                f"an index of {level.index.width} bits makes a table of 2^{level.index.width} "
                "entries",
                expected=f"at most {_WIDEST_INDEX} bits",
            )
        if number == 0:
            above, what = model.address.virtual, f"`virtual` is {model.address.virtual}"
        else:
            above = levels[number - 1].index.low
            what = f"the level above has {levels[number - 1].index.text}"
        high = level.index.high
        if high == above - 1:
            continue
        if high >= above and number == 0:
            problem = f"there is no bit {high} in a virtual address"
        elif high >= above:
            problem = f"bit {min(high, levels[number - 1].index.high)} is in two indices"
        else:
            gap = Bits(above - 1, high + 1)
            verb = "is" if gap.width == 1 else "are"
            problem = f"{gap.text} of a virtual address {verb} in no index"
        low = min(level.index.low, above - 1)
        yield finding(path, f"{problem}: {what}", hint=f'index = "{above - 1}:{low}"')


def _kinds(model: PagingModel) -> Iterator[Finding]:
    last = len(model.level) - 1
    for number, level in enumerate(model.level):
        path = ("level", number, "entries")
        if len(set(level.entries)) < len(level.entries):
            yield finding(path, "an entry's kind is there twice")
        if number == last and level.holds_tables:
            yield finding(path, "the last level cannot hold tables", hint='entries = ["leaf"]')
        if number < last and not level.holds_tables:
            yield finding(
                path,
                "without tables, the levels below cannot be reached",
                hint='entries = ["table", "leaf"]',
            )
        if level.loaded_with_root and (number > 0 or level.holds_leaves):
            yield finding(
                ("level", number, "loaded-with-root"),
                "only tables of the first level are loaded with the root register",
            )
        own = level.leaf_if is not None
        term = (level.leaf_if or model.entry.leaf_if).term
        if isinstance(term, Constant):
            kind = "leaf" if term.value else "table"
            if set(level.entries) != {kind}:
                yield finding(
                    ("level", number, "leaf-if" if own else "entries"),
                    f'with `leaf-if = "{"always" if term.value else "never"}"`, every entry of '
                    f"this level is a {kind}",
                    expected=f'entries = ["{kind}"], or another condition',
                )


def _address_fields(model: PagingModel) -> Iterator[Finding]:
    physical = model.address.physical
    field = model.entry.address
    top = field.low + field.bits.width
    if top != physical:
        yield finding(
            ("entry", "address"),
            f"{field.bits.text} from bit {field.low} of an address on make addresses of {top} "
            f"bits, and `physical` is {physical}",
            expected=f"{max(physical - field.low, 1)} bits",
        )
    root = model.root.address
    if root.low + root.bits.width > physical:
        yield finding(
            ("root", "address"),
            f"{root.bits.text} from bit {root.low} of an address on make addresses of "
            f"{root.low + root.bits.width} bits, and `physical` is {physical}",
        )
    shifts = [level.shift for level in model.level if level.holds_leaves]
    if shifts and field.low > min(shifts):
        yield finding(
            ("entry", "address", "low"),
            f"a leaf of {1 << min(shifts)} bytes needs an address from bit {min(shifts)} on",
            expected=f"at most {min(shifts)}: {listed(one.name for one in model.level)} map "
            f"down to {1 << min(shifts)} bytes",
        )
