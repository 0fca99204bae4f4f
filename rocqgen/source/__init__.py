# SPDX-License-Identifier: Apache-2.0
"""Assembly files with annotations go in, typed and located `Fragment`s come out."""

from __future__ import annotations
