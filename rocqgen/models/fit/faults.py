# SPDX-License-Identifier: Apache-2.0
"""Faults: every reason that can occur belongs to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.models.conditions import ALWAYS, Constant
from rocqgen.models.fit.finding import finding, listed
from rocqgen.models.vocabulary import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.models.fit.finding import Finding
    from rocqgen.models.schema import Fault, PagingModel


def check_faults(model: PagingModel) -> Iterator[Finding]:
    """What does not fit among the faults."""
    possible = possible_reasons(model)
    given: dict[Reason, str] = {}
    for number, fault in enumerate(model.fault):
        for place, reason in enumerate(fault.reasons):
            path = ("fault", number, "reasons", place)
            if reason in given:
                yield finding(path, f"`{reason}` is a reason of {given[reason]} already")
            given.setdefault(reason, fault.name)
            if reason not in possible:
                yield finding(
                    path,
                    f"`{reason}` cannot occur in this model",
                    expected=listed(one for one in REASONS if one in possible),
                )
        yield from _level_in_code(model, number, fault)
    needed = possible if _root_can_fail(model) else possible - {Reason.ROOT}
    missing = [one for one in REASONS if one in needed and one not in given]
    if missing:
        quoted = ", ".join(f'"{one}"' for one in missing)
        yield finding(
            ("fault",),
            f"no fault is raised for {listed(missing)}",
            hint=f"reasons = [{quoted}] in one of the faults",
        )


def _level_in_code(model: PagingModel, number: int, fault: Fault) -> Iterator[Finding]:
    if fault.level is None:
        return
    path = ("fault", number, "level")
    if len(model.level) > 1 << fault.level.width:
        yield finding(path, f"{fault.level.text} cannot hold {len(model.level)} levels")
    for part in fault.code:
        if part.value & fault.level.mask:
            yield finding(
                path, f"{fault.level.text} overlap the value {part.value:#x}, {part.name}"
            )


def possible_reasons(model: PagingModel) -> set[Reason]:
    """The reasons for which translations can fail in a model."""
    entry = model.entry
    found = {Reason.ROOT, Reason.PROTECTION}
    if model.address.canonical is not None:
        found.add(Reason.NONCANONICAL)
    if entry.present.term != ALWAYS.term:
        found.add(Reason.ABSENT)
    kinds = [model.table, model.leaf]
    for level in model.level:
        kinds += [level.table, level.leaf]
        decided = isinstance((level.leaf_if or entry.leaf_if).term, Constant)
        if len(level.entries) == 1 and not decided:
            found.add(Reason(entry.misplaced))
    if entry.reserved or any(kind.reserved for kind in kinds):
        found.add(Reason.RESERVED)
    if entry.above_physical != "ignored":
        found.add(Reason(entry.above_physical))
    for flag, reason in ((model.accessed, Reason.ACCESSED), (model.dirty, Reason.DIRTY)):
        if flag is not None and flag.hardware.term != ALWAYS.term:
            found.add(reason)
    if model.keys is not None:
        found.add(Reason.KEY)
    return found


def _root_can_fail(model: PagingModel) -> bool:
    """Whether loading a root may fault; a mode that is not selected is no fault."""
    return bool(model.root.reserved) or any(level.loaded_with_root for level in model.level)
