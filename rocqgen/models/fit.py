# SPDX-License-Identifier: Apache-2.0
"""Whether the parts of a spec fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rocqgen.models.bits import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.models.lines import Path
    from rocqgen.models.schema import PagingModel

Finding: TypeAlias = "tuple[Path, SpecError]"


def check_fit(model: PagingModel) -> Iterator[Finding]:
    """The path and the sentence of everything that does not fit."""
    for number, level in enumerate(model.level):
        if number == len(model.level) - 1 and level.holds_tables:
            yield (
                ("level", number, "entries"),
                SpecError("the last level cannot hold tables", hint='["leaf"]'),
            )
