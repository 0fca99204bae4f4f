# SPDX-License-Identifier: Apache-2.0
"""Assembly files with annotations go in, typed and located `Fragment`s come out."""

from __future__ import annotations

from rocqgen.source.fragment import load_fragments
from rocqgen.source.spec import Fragment

__all__ = ["Fragment", "load_fragments"]
