# SPDX-License-Identifier: Apache-2.0
"""Which names the conditions of a spec may use, and what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from rocqgen.models.bits import Bits
from rocqgen.models.conditions import Constant, Field, Named, Term, map_term
from rocqgen.models.vocabulary import REASONS, Access, Privilege

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.models.schema import Level, PagingModel

Kind: TypeAlias = Literal["table", "leaf"]
KINDS: tuple[Kind, ...] = ("table", "leaf")
KEY_NAMES = ("AD", "WD")
ACCESS_NAMES = tuple(access.word for access in Access)
PRIVILEGE_NAMES = tuple(privilege.word for privilege in Privilege)
REASON_NAMES = tuple(reason.value for reason in REASONS)


def entry_bits(
    model: PagingModel, kind: Kind | None = None, level: Level | None = None
) -> dict[str, Bits]:
    """The bit fields that have names in entries of this kind, in this level.

    Without a kind, the names that entries of both kinds have; without a level, those of all levels.
    """
    found = dict(model.entry.bits)
    if level is not None:
        found |= level.bits
    if kind is not None:
        found |= getattr(model, kind).bits
        if level is not None:
            found |= getattr(level, kind).bits
    return found


def bind(term: Term, bits: Mapping[str, Bits], truth: Mapping[str, bool]) -> Term:
    """The term with names of bit fields replaced by their bits, and others by their truth.

    Names that are in neither stay.
    """

    def replace(name: Named) -> Term:
        if name.name in bits:
            return Field(bits[name.name], name.equals)
        if name.name in truth:
            return Constant(truth[name.name])
        return name

    return map_term(term, replace)
