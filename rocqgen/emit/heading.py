# SPDX-License-Identifier: Apache-2.0
"""What a theory will be called, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.escape import identifier
from rocqgen.emit.theory import Theory
from rocqgen.source.reserved import theory_name

if TYPE_CHECKING:
    from rocqgen.source.spec import Fragment


def heading(fragment: Fragment) -> Theory:
    """The theory of a fragment without its text: its names and where it comes from.

    UserError for a name that is no identifier of Rocq.
    """
    return Theory(
        name=identifier(theory_name(fragment.source, fragment.name)),
        text="",
        theorem=f"{identifier(fragment.name)}_correct",
        source=fragment.source,
        digest=fragment.digest,
        expect=None if fragment.expect is None else fragment.expect.location,
    )
