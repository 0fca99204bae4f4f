# SPDX-License-Identifier: Apache-2.0
"""Where things lie in the emulator's memory, which is mapped flat."""

from __future__ import annotations

from typing import Final

BOUNDARY: Final = 0x201000
"""Two pages meet here; the window lies across them."""

WORDS: Final = 8
WINDOW: Final = BOUNDARY - 32
"""The data that instructions access: `WORDS` words, compared after each run."""
WINDOW_BYTES: Final = 8 * WORDS

DATA: Final = 0x200000
DATA_END: Final = 0x202000
"""Behind the data, and in front of it, nothing is mapped."""

SCRATCH: Final = 0x100000
CODE: Final = 0x300000
CODE_BYTES: Final = 0x10000
STUBS: Final = 0x400000
STUB_BYTES: Final = 32
STUBS_BYTES: Final = 0x200000
INPUT: Final = 0x1000000
OUTPUT: Final = 0x3000000
RECORDS_BYTES: Final = 0x2000000

FLAG_BITS: Final = (0, 2, 6, 7, 11)
"""CF, PF, ZF, SF and OF in RFLAGS: SDM vol. 1, 3.4.3."""
