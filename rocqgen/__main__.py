# SPDX-License-Identifier: Apache-2.0
"""``python -m rocqgen`` is ``rocqgen``."""

from __future__ import annotations

import sys

from rocqgen.cli import main

# Worker processes import this module under another name.
if __name__ == "__main__":
    sys.exit(main())
