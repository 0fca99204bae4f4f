# SPDX-License-Identifier: Apache-2.0
"""What to load once for many theories: the files that they require.

Only loaded, not imported: each theory still runs its own ``Require Import``, which then costs
little, and sees nothing that it didn't ask for, except that a qualified name of another theory's
requirement would be found.  `coqc`, which compiles every theory alone, does not find it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rocqgen.rocq.sentences import blank, split

if TYPE_CHECKING:
    from collections.abc import Iterable

_REQUIRE = re.compile(
    r"(?P<root>From\s+[\w.]+\s+)?Require\s+(?:(?:Import|Export)\s+)?(?P<names>[\w.]+(?:\s+[\w.]+)*)\s*\.\Z"
)


def preload(texts: Iterable[str]) -> tuple[str, ...]:
    """The ``Require`` sentences of all texts, without ``Import``, each once, in order.

    Those of a rarer form, such as ``Require Import (notations) x``, are left to the theory.
    """
    found: dict[str, None] = {}
    for text in texts:
        plain = blank(text)
        for sentence in split(text):
            if sentence.head not in {"From", "Require"}:
                continue
            words = " ".join(plain[sentence.start : sentence.end].split())
            match = _REQUIRE.fullmatch(words)
            if match:
                found[f"{match['root'] or ''}Require {match['names']}."] = None
    return tuple(found)
