# SPDX-License-Identifier: Apache-2.0
"""A walk as a picture: the address split into its fields, and below each field the table that it
indexes, with the entry chosen and its bits, down to the page or the fault."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rocqgen import __version__
from rocqgen.errors import UserError
from rocqgen.mmu import Faulted, Unbacked, Walked
from rocqgen.report.paging import (
    access_text,
    address_text,
    blame,
    controls_text,
    end_text,
    entry_text,
    rights_text,
    size_text,
    verdict,
)
from rocqgen.resources import templates_dir

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Template

    from rocqgen.mmu import Step
    from rocqgen.models import Access, Privilege, Rules

TEMPLATE = "walk.svg.j2"

# Pixels. A column is wide enough for an entry of 16 digits.
_MARGIN, _COLUMN, _GAP = 24, 168, 34
_STRIP, _TOP, _TALL, _ROW = 68, 196, 132, 248
_CHIP = 17
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Box:
    """Something with a place in a column."""

    x: float
    width: float = _COLUMN
    y: float = 0
    name: str = ""
    value: str = ""
    used: bool = True

    @property
    def middle(self) -> float:
        """Where text is centred."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Chip:
    """A bit of an entry."""

    x: float
    y: float
    width: float
    text: str
    on: bool

    @property
    def middle(self) -> float:
        """Where text is centred."""
        return self.x + self.width / 2


def write_walk(
    path: Path,
    outcome: Walked | Faulted | Unbacked,
    rules: Rules,
    root: int,
    access: Access,
    privilege: Privilege,
) -> None:
    """Write the picture; UserError where the file cannot be written."""
    text = render_walk(outcome, rules, root, access, privilege)
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UserError(f"cannot write {path}: {why}", hint="another file after --svg") from error


def render_walk(
    outcome: Walked | Faulted | Unbacked,
    rules: Rules,
    root: int,
    access: Access,
    privilege: Privilege,
) -> str:
    """The picture as an SVG document, which is XML."""
    fields = _fields(outcome, rules)
    tables, bottom = _tables(outcome, rules, _guilty(outcome, rules, access, privilege))
    width = fields[-1].x + _COLUMN + _MARGIN
    address = address_text(rules, outcome.va)
    what = access_text(access, privilege)
    lines = textwrap.wrap(verdict(outcome, rules, access, privilege), int((width - 48) / 7.4))
    foot = bottom + 34
    along = [_arrow(column) for column in range(len(tables))]
    page = None
    if isinstance(outcome, Walked):
        place = fields[-1].x
        page = {
            "x": place,
            "width": _COLUMN,
            "size": size_text(outcome.size),
            "address": f"at {outcome.pa & -outcome.size:#x}",
            "pa": f"{outcome.pa:#x}",
        }
        along.append(_arrow(len(tables)))
    return _template().render(
        _clean(
            {
                "version": __version__,
                "title": f"{address}, {what}",
                "address": address,
                "access": what,
                "about": f"{rules.model.title}; controls: {controls_text(rules)}",
                "width": width,
                "height": foot + 18 * len(lines),
                "margin": _MARGIN,
                "after": _MARGIN + 10.3 * len(address) + 8,
                "strip": _STRIP,
                "top": _TOP,
                "tall": _TALL,
                "row": _ROW,
                "rows": [_TOP + 17, _TOP + 34, _ROW + 54, _ROW + 70],
                "fields": fields,
                "root": Box(fields[0].x, y=_TOP, name=rules.model.root.name, value=f"{root:#x}"),
                "tables": tables,
                "down": [_down(fields[k + 1]) for k in range(len(tables))]
                + ([_down(fields[-1])] if page else []),
                "along": along,
                "page": page,
                "verdict": lines,
                "foot": foot,
            }
        )
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE)


def _clean(value: dict[str, object]) -> dict[str, object]:
    """The context without characters that XML has not; all that may have some are the texts."""
    return {
        key: _NOT_XML.sub("\ufffd", one) if isinstance(one, str) else one
        for key, one in value.items()
    }


def _column(number: int) -> int:
    return _MARGIN + number * (_COLUMN + _GAP)


def _fields(outcome: Walked | Faulted | Unbacked, rules: Rules) -> list[Box]:
    """The address's fields: what is above the indices, an index for each level, the offset."""
    va, widths = outcome.va, rules.model.address
    levels = rules.levels[: outcome.level + 1] if isinstance(outcome, Walked) else rules.levels
    upper = widths.pointer - widths.virtual
    first = Box(_column(0), name="nothing above", value="-", used=False)
    if upper:
        first = Box(
            _column(0),
            name=f"{widths.pointer - 1}:{widths.virtual}",
            value=f"{va >> widths.virtual:#x}",
            used=isinstance(outcome, Faulted) and not outcome.steps,
        )
    found = [first]
    for level in levels:
        high = level.shift + level.index_mask.bit_length() - 1
        index = va >> level.shift & level.index_mask
        found.append(
            Box(
                _column(len(found)),
                name=f"{level.name}: {high}:{level.shift}",
                value=f"{index} = {index:#x}",
                used=level.number < len(outcome.steps),
            )
        )
    shift = levels[-1].shift
    found.append(
        Box(
            _column(len(found)),
            name=f"offset: {shift - 1}:0",
            value=f"{va & (1 << shift) - 1:#x}",
            used=isinstance(outcome, Walked),
        )
    )
    return found


def _tables(
    outcome: Walked | Faulted | Unbacked, rules: Rules, guilty: frozenset[str]
) -> tuple[list[dict[str, object]], float]:
    """What is drawn for each level that the walk reached, and where the lowest of it ends."""
    found: list[dict[str, object]] = []
    bottom = float(_TOP + _TALL)
    for step in outcome.steps:
        x = _column(step.level + 1)
        chips = _chips(step, rules, x)
        low = max((chip.y + _CHIP for chip in chips), default=_TOP + _TALL + 8)
        says = [
            {"y": low + 18 + 14 * k, "text": line}
            for k, line in enumerate(textwrap.wrap(_says(step, rules), 27))
        ]
        bottom = max(bottom, low + 18 + 14 * len(says))
        found.append(
            {
                "x": x,
                "width": _COLUMN,
                "name": f"{step.name} table",
                "address": f"at {step.address - step.index * rules.entry_bytes:#x}",
                "place": f"{step.address:#x}",
                "index": step.index,
                "entry": "not in the image"
                if step.entry is None
                else entry_text(rules, step.entry),
                "bad": step.target is None or step.name in guilty,
                "chips": chips,
                "says": says,
            }
        )
    return found, bottom


def _guilty(
    outcome: Walked | Faulted | Unbacked, rules: Rules, access: Access, privilege: Privilege
) -> frozenset[str]:
    """The levels whose entries make the access fault by what they grant or withhold."""
    found = blame(outcome, rules, access, privilege)
    withheld = {name for levels in found.lacking.values() for name in levels}
    last = {outcome.steps[-1].name} if found.excess and outcome.steps else set()
    return frozenset(withheld | last)


def _says(step: Step, rules: Rules) -> str:
    if step.target is None:
        return f"{end_text(step)}{': ' if step.detail else ''}{step.detail}"
    what = "page" if step.decision == "leaf" else "table"
    return f"{what} at {step.target:#x}; grants {rights_text(rules, step.rights)}"


def _chips(step: Step, rules: Rules, x: float) -> list[Chip]:
    """The entry's bits that have names, highest first, those that are set filled."""
    if step.entry is None:
        return []
    level = rules.levels[step.level]
    leaf = any(step.entry & case.mask == case.value for case in level.leaf_if)
    named = (level.leaf if leaf else level.table).bits
    found: list[Chip] = []
    at, line = x, _TOP + _TALL + 8
    for name, bits in sorted(named.items(), key=lambda one: -one[1].high):
        value = bits.get(step.entry)
        text = name if bits.width == 1 else f"{name}={value:#x}"
        wide = 7.2 * len(text) + 11
        if at + wide > x + _COLUMN + 8:
            at, line = x, line + _CHIP + 4
        found.append(Chip(at, line, wide, _NOT_XML.sub("\ufffd", text), value != 0))
        at += wide + 4
    return found


def _down(field: Box) -> str:
    """From a field of the address to the entry, or to the byte, that it chooses."""
    x = field.x + _COLUMN - 14
    return f"M{x} {_STRIP + 44} V{_ROW - 2}"


def _arrow(column: int) -> str:
    """From the entry chosen in a column (in column 0: from the root) to the next one's table."""
    begin, end = _column(column) + _COLUMN, _column(column + 1) - 2
    y = _ROW + 18 if column else _TOP + 22
    return f"M{begin} {y} C{begin + 20} {y} {end - 20} {_TOP + 3} {end} {_TOP + 3}"
