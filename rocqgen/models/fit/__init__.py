# SPDX-License-Identifier: Apache-2.0
"""Whether the parts of a spec fit together: what the schema alone cannot see."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rocqgen.models.fit.conditions import check_conditions
from rocqgen.models.fit.faults import check_faults
from rocqgen.models.fit.fields import check_fields
from rocqgen.models.fit.layout import check_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.models.fit.finding import Finding
    from rocqgen.models.schema import PagingModel


def check_fit(model: PagingModel) -> Iterator[Finding]:
    """The path and the sentence of everything that does not fit."""
    return chain(
        check_layout(model), check_fields(model), check_conditions(model), check_faults(model)
    )
