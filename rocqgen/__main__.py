# SPDX-License-Identifier: Apache-2.0
"""``python -m rocqgen`` is ``rocqgen``."""

from __future__ import annotations

import sys

from rocqgen.cli import main

sys.exit(main())
