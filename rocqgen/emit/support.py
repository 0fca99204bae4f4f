# SPDX-License-Identifier: Apache-2.0
"""Which parts of the annotation language theories are made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.source.features import Feature, features
from rocqgen.source.location import refused

if TYPE_CHECKING:
    from rocqgen.source.spec import Fragment

KNOWN = frozenset(
    {
        Feature.INVARIANT,
        Feature.ASSUME,
        Feature.CALLS,
        Feature.PLATFORM,
        Feature.ENTRY,
        Feature.PAGE,
        Feature.VIA,
        Feature.GHOST,
        Feature.BLOCK,
        Feature.INDEX,
        Feature.ARRAY,
        Feature.WALK,
    }
)
"""The parts of the annotation language, beyond the first ones, that theories are made for."""


def refuse_features(fragment: Fragment) -> None:
    """Raise a UserError at the first part of the annotation that no theory is made for."""
    for feature, where in features(fragment):
        if feature not in KNOWN:
            raise refused(
                f"the prover does not support {feature.value} yet",
                where,
                expected="an annotation without them",
            )
