# SPDX-License-Identifier: Apache-2.0
"""Memory models: the schema of their specs, how they are loaded, and those that ship."""

from __future__ import annotations

from rocqgen.models.load import (
    find_problems,
    load_model,
    parse_model,
    read_spec,
    shipped_models,
)
from rocqgen.models.resolve import Rules, resolve
from rocqgen.models.schema import PagingModel
from rocqgen.models.vocabulary import Access, Privilege, Reason, Right

__all__ = [
    "Access",
    "PagingModel",
    "Privilege",
    "Reason",
    "Right",
    "Rules",
    "find_problems",
    "load_model",
    "parse_model",
    "read_spec",
    "resolve",
    "shipped_models",
]
