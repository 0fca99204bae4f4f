# SPDX-License-Identifier: Apache-2.0
"""A virtual address as a row of boxes: which level indexes with which bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.report.paging import size_text

if TYPE_CHECKING:
    from rocqgen.models import PagingModel

_UPPER = {"sign-extended": "copies of bit {}", "zero": "zeros", "ones": "ones"}


@dataclass(frozen=True, slots=True)
class _Box:
    """A part of the address: its bits, what it is called, and what a leaf there maps."""

    high: int
    low: int
    name: str
    below: str

    @property
    def width(self) -> int:
        ends = len(str(self.high)) + (len(str(self.low)) + 1 if self.high != self.low else 0)
        return max(len(self.name), len(self.below), ends) + 2

    def ends(self) -> str:
        """The numbers of its bits, at its two ends."""
        if self.high == self.low:
            return str(self.high).center(self.width)
        return f"{self.high}{str(self.low).rjust(self.width - len(str(self.high)))}"


def draw_address(model: PagingModel) -> list[str]:
    """The picture, line by line."""
    address = model.address
    boxes = []
    if address.canonical is not None:
        name = _UPPER[address.canonical].format(address.virtual - 1)
        boxes.append(_Box(address.pointer - 1, address.virtual, name, ""))
    for level in model.level:
        maps = size_text(1 << level.shift) if level.holds_leaves else ""
        boxes.append(_Box(level.index.high, level.index.low, level.name, maps))
    offset = model.level[-1].shift
    if offset:
        boxes.append(_Box(offset - 1, 0, "offset", ""))
    rule = ["─" * box.width for box in boxes]
    lines = [
        " " + " ".join(box.ends() for box in boxes),
        "┌" + "┬".join(rule) + "┐",
        "│" + "│".join(box.name.center(box.width) for box in boxes) + "│",
        "└" + "┴".join(rule) + "┘",
        " " + " ".join(box.below.center(box.width) for box in boxes),
    ]
    return [line.rstrip() for line in lines]
