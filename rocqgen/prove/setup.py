# SPDX-License-Identifier: Apache-2.0
"""Puts a checker together from a toolchain and a compiled library."""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.prove.check import GENERATED, Checker
from rocqgen.rocq.coqc import Coqc
from rocqgen.rocq.limits import Limits
from rocqgen.rocq.preload import preload
from rocqgen.rocq.server import LoadPath, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocqgen.emit.theory import Theory
    from rocqgen.rocq.toolchain import Toolchain


@contextmanager
def checker(
    toolchain: Toolchain,
    theories: Sequence[Theory],
    *,
    library: LoadPath | None = None,
    limits: Limits | None = None,
    allow: frozenset[str] = frozenset(),
    keep_going: bool = True,
) -> Iterator[Checker]:
    """Yield a checker for ``theories``; at the end every prover it started is gone.

    ``library.folder`` must be named after the state of its sources, as the library's cache does.
    No prover is started before the first theory is checked.
    """
    limits = limits or Limits()
    cancel = threading.Event()
    libraries = (library,) if library else ()
    with tempfile.TemporaryDirectory(prefix="rocqgen-") as folder:
        build = Path(folder)
        paths = (*libraries, LoadPath(build, GENERATED))
        environ = toolchain.environ()
        server = Server(
            toolchain.sertop,
            environ,
            paths,
            preload(one.text for one in theories),
            limits=limits,
            cancel=cancel,
        )
        with server:
            yield Checker(
                server=server,
                coqc=Coqc(toolchain.coqc, environ, paths, limits, cancel),
                build=build,
                limits=limits,
                prover=toolchain.version,
                inputs=(toolchain.identity, *(one.folder.name for one in libraries)),
                allow=allow,
                keep_going=keep_going,
                cancel=cancel,
            )
