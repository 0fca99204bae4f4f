# SPDX-License-Identifier: Apache-2.0
"""Finds the bug before the prover starts: runs a fragment on states that meet its precondition.

`rocqgen.check.search` is the way in; it is not imported here, for it takes the evaluator with it,
and whoever only shows results needs none.
"""

from __future__ import annotations

from rocqgen.check.result import Result, Verdict

__all__ = ["Result", "Verdict"]
