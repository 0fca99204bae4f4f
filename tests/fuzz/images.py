# SPDX-License-Identifier: Apache-2.0
"""A fuzz target: bytes as an image of memory, opened in each format, read, and walked.

    python tests/fuzz/images.py [-max_total_time=60] [CORPUS...]

runs it under atheris (`pip install '.[fuzz]'`), guided by the branches that the readers take. What
is refused in a sentence is fine; everything else that is raised is a finding.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def make_target() -> Callable[[bytes], None]:
    """The target; what it exercises is imported here, so that atheris can watch the import."""
    import numpy as np

    from rocqgen.errors import UserError
    from rocqgen.mmu import walk
    from rocqgen.mmu.images import Format, open_image
    from rocqgen.models import load_model, resolve

    rules = resolve(load_model("x86-64-4level"))
    path = Path(tempfile.mkdtemp(prefix="rocqgen-fuzz-")) / "image"
    formats = (None, *Format)

    def target(data: bytes) -> None:
        path.write_bytes(data[1:])
        chosen = formats[data[0] % len(formats) if data else 0]
        with contextlib.suppress(UserError), open_image(path, format=chosen) as image:
            ends = [at for pair in image.ranges()[:8] for at in pair]
            addresses = np.array([at & (2**64 - 1) for at in ends], dtype=np.uint64)
            values, known = image.gather(addresses, 8)
            for at, value, held in zip(ends, values.tolist(), known.tolist(), strict=True):
                word = image.read(at, 8)
                if held != (word is not None) or value != int.from_bytes(word or b"", "little"):
                    raise AssertionError(f"read and gather differ at {at:#x}")
                image.frame(at)
                walk(rules, image, at & ~0xFFF, 0x1234)

    return target


def main() -> None:
    """Fuzz until told to stop."""
    import atheris

    with atheris.instrument_imports(include=["rocqgen.mmu.images"]):
        target = make_target()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, os.fspath(Path(__file__).parents[2]))
    main()
