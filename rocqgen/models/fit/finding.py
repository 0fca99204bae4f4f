# SPDX-License-Identifier: Apache-2.0
"""What checks of a spec find."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeAlias

from rocqgen.models.bits import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.models.lines import Path

Finding: TypeAlias = "tuple[Path, SpecError]"
"""The path of the key in question, and the sentence."""


def finding(
    path: Path, message: str, *, expected: str | None = None, hint: str | None = None
) -> Finding:
    """Make one."""
    return path, SpecError(message, expected=expected, hint=hint)


def listed(names: Iterable[str]) -> str:
    """Names as messages show them."""
    return ", ".join(f"`{name}`" for name in names)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    known = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return known[near[0]] if near else None
