# SPDX-License-Identifier: Apache-2.0
"""Two tools that translate addresses through tables in an image: volatility3 and drgn.

Both are given the same image and asked through the call that is closest to a bare translation, one
address at a time: they have no other. Neither looks at rights or at reserved bits.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.mmu.image import Tables

_KERNEL: Final = 0xFFFF_FFFF_8000_0000
"""Where Linux maps its image; drgn takes the root table's address from there."""


class Peer(Protocol):
    """A tool with an image."""

    name: str

    def translate(self, addresses: Sequence[int]) -> list[int]:
        """The physical address of each; -1 where there is none."""

    def enumerate(self) -> NDArray[np.uint64] | None:
        """Rows of virtual address, physical address and size; None if the tool cannot."""


class Missing(Exception):  # noqa: N818 - not an error: a tool that is not installed
    """Why a tool takes no part."""


def open_peers(tables: Tables, file: Path) -> tuple[list[Peer], list[str]]:
    """The tools that are installed, and why others take no part."""
    makers: tuple[Callable[[Tables, Path], Peer], ...] = (Volatility, Drgn)
    found, missing = [], []
    for make in makers:
        try:
            found.append(make(tables, file))
        except Missing as why:
            missing.append(str(why))
    return found, missing


def _import(package: str, *modules: str) -> list[Any]:
    try:
        return [import_module(module) for module in modules]
    except ImportError as error:
        raise Missing(f"{package}: {error}; write: pip install -e '.[bench]'") from error


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


class Volatility:
    """A raw file as its lower layer, and Intel32e above it."""

    def __init__(self, tables: Tables, file: Path) -> None:
        contexts, physical, intel, exceptions = _import(
            "volatility3",
            "volatility3.framework.contexts",
            "volatility3.framework.layers.physical",
            "volatility3.framework.layers.intel",
            "volatility3.framework.exceptions",
        )
        self.name = _named("volatility3")
        self._fault = exceptions.InvalidAddressException
        context = contexts.Context()
        context.config["raw.location"] = file.as_uri()
        context.layers.add_layer(physical.FileLayer(context, "raw", "raw"))
        context.config["intel.memory_layer"] = "raw"
        context.config["intel.page_map_offset"] = tables.root
        self._layer = intel.Intel32e(context, "intel", "intel")

    def translate(self, addresses: Sequence[int]) -> list[int]:
        """As `Peer.translate`."""
        translate, fault = self._layer._translate, self._fault  # noqa: SLF001 - without merging
        found = []
        for address in addresses:
            try:
                found.append(translate(address)[0])
            except fault:
                found.append(-1)
        return found

    def enumerate(self) -> NDArray[np.uint64] | None:
        """As `Peer.enumerate`."""
        rows = self._layer.mapping(0, 1 << 48, ignore_errors=True)
        found = np.array([(va, pa, size) for va, size, pa, _, _ in rows], dtype=np.uint64)
        found[found[:, 0] >> np.uint64(47) == 1, 0] |= np.uint64(0xFFFF << 48)
        return found


class Drgn:
    """A Linux kernel whose table of pages is the root, over one segment of physical memory."""

    def __init__(self, tables: Tables, file: Path) -> None:
        drgn, internal = _import("drgn", "drgn", "_drgn")
        self.name = _named("drgn")
        program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
        if not hasattr(program, "set_linux_kernel_custom"):
            raise Missing(f"{self.name} takes no memory of a kernel from Python; 0.3 does")
        image = memoryview(file.read_bytes())
        program.set_linux_kernel_custom(_vmcoreinfo(tables.root), False)
        program.add_memory_segment(
            0, len(image), lambda address, count, _o, _p: image[address : address + count], True
        )
        self._program = program
        self._root = _KERNEL + tables.root
        self._follow = internal._linux_helper_follow_phys  # noqa: SLF001 - what follow_phys calls
        self._fault = drgn.FaultError

    def translate(self, addresses: Sequence[int]) -> list[int]:
        """As `Peer.translate`."""
        follow, program, root, fault = self._follow, self._program, self._root, self._fault
        found = []
        for address in addresses:
            try:
                found.append(follow(program, root, address))
            except fault:
                found.append(-1)
        return found

    def enumerate(self) -> NDArray[np.uint64] | None:
        """As `Peer.enumerate`."""
        return None


def _vmcoreinfo(root: int) -> bytes:
    """What drgn asks of a kernel before it walks tables."""
    lines = {
        "OSRELEASE": "6.1.0",
        "PAGESIZE": "4096",
        "SYMBOL(swapper_pg_dir)": f"{_KERNEL + root:x}",
        "KERNELOFFSET": "0",
        "NUMBER(phys_base)": "0",
        "NUMBER(pgtable_l5_enabled)": "0",
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items()).encode()
