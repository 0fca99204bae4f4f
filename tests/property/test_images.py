# SPDX-License-Identifier: Apache-2.0
"""Whatever a file or a command line holds, it is read or refused in a sentence: no traceback."""

from __future__ import annotations

import contextlib
import io
import struct
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rocqgen.cli import main
from rocqgen.errors import UserError
from rocqgen.mmu import walk
from rocqgen.mmu.images import Cpu, Format, Image, open_image
from rocqgen.mmu.images.write import write_elf, write_pages, write_raw
from rocqgen.models import load_model, resolve

pytestmark = pytest.mark.usefixtures("cache")

FOLDER = Path(tempfile.mkdtemp(prefix="rocqgen-fuzz-"))
IMAGE = FOLDER / "image"
RULES = resolve(load_model("x86-64-4level"))
CPU = Cpu(cr0=1 << 31, cr3=0x1000, cr4=0x20, rflags=2)


def tables() -> list[tuple[int, bytes]]:
    """A space whose root maps itself, a page, and a table that is not there."""
    root = struct.pack("<512Q", 0x2027, 0x9027, *([0] * 509), 0x1027)
    below = struct.pack("<512Q", 0x3027, 0xE7, *([0] * 510))
    return [(0x1000, root), (0x2000, below), (0x3000, struct.pack("<512Q", *([0xE7] * 512)))]


def seeds() -> dict[str, bytes]:
    """A valid image of each format."""
    found = {}
    for name, write in {
        "raw": lambda: write_raw(IMAGE, tables()),
        "stored": lambda: write_pages(IMAGE, tables(), cr3=0x1000),
        "deflated": lambda: write_pages(IMAGE, tables(), cr3=0x1000, compress=True),
        "qemu": lambda: write_elf(IMAGE, [*tables(), (0x1000, tables()[0][1])], cpus=[CPU, CPU]),
        "kdump": lambda: write_elf(
            IMAGE, tables(), vmcoreinfo="SYMBOL(swapper_pg_dir)=ffffffff80001000\n"
            "NUMBER(phys_base)=0\n"
        ),
        "elf32": lambda: write_elf(IMAGE, tables(), bits=32, elf_machine=3),
    }.items():  # fmt: skip
        write()
        found[name] = IMAGE.read_bytes()
    return found


SEEDS = seeds()
WORDS = (0, 1, 3, 7, 0x38, 0xFFF, 0x1000, 0xFFFF, 2**31, 2**32 - 1, 2**63, 2**64 - 4096, 2**64 - 1)

FIELDS = tuple(64 + 56 * header + field for header in range(5) for field in range(0, 56, 8))
"""Those of the first program headers of a 64-bit core."""

places = st.integers(0, 2**16)
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("byte"), places, st.integers(0, 255)),
        st.tuples(st.just("word"), places, st.sampled_from(WORDS)),
        st.tuples(st.just("half"), places, st.sampled_from(WORDS)),
        # Headers are where the decisions are: most files are far longer than theirs.
        st.tuples(st.just("byte"), st.integers(0, 420), st.integers(0, 255)),
        st.tuples(
            st.just("word"), st.integers(0, 100).map(lambda n: 4 * n), st.sampled_from(WORDS)
        ),
        st.tuples(st.just("word"), st.sampled_from(FIELDS), st.sampled_from(WORDS)),
        st.tuples(st.just("tail"), st.integers(0, 600), st.integers(0, 255)),
        st.tuples(st.just("cut"), places, st.just(0)),
        st.tuples(st.just("drop"), places, st.integers(1, 5000)),
        st.tuples(st.just("double"), places, st.integers(1, 5000)),
    ),
    min_size=1,
    max_size=6,
)


def mutate(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """The data with the changes; places are taken modulo its size."""
    found = bytearray(data)
    for kind, place, value in changes:
        if not found:
            break
        at = place % len(found)
        match kind:
            case "byte":
                found[at] = value
            case "tail":
                found[-1 - place % len(found)] = value
            case "word":
                found[at : at + 8] = struct.pack("<Q", value)
            case "half":
                found[at : at + 4] = struct.pack("<I", value & 0xFFFF_FFFF)
            case "cut":
                del found[at:]
            case "drop":
                del found[at : at + value]
            case "double":
                found[at:at] = found[at : at + value]
    return bytes(found)


def use(path: Path, chosen: Format | None) -> None:
    """Open an image and read all over it; UserError alone may come of it."""
    try:
        image = open_image(path, format=chosen)
    except UserError as refused:
        error = refused
    else:
        read_all(image)
        return
    assert error.exit_code == 4
    assert error.message
    assert "\n" not in error.message
    assert error.file == str(path)


def read_all(image: Image) -> None:
    with image:
        ends = [0]
        for start, end in image.ranges():
            assert ends[-1] <= start < end <= 2**64
            ends += [start, end]
        probes = [at + by for at in ends[:40] for by in (-8, -4, -1, 0, 1) if 0 <= at + by < 2**64]
        addresses = np.array(probes, dtype=np.uint64)
        values, known = image.gather(addresses, 8)
        for at, value, is_known in zip(probes, values.tolist(), known.tolist(), strict=True):
            data = image.read(at, 8)
            assert (data is not None) == is_known
            assert int.from_bytes(data or b"", "little") == value
            frame = image.frame(at)
            assert frame is None or bytes(frame) == image.read(at & -4096, 4096)
        assert image.machine.five_levels in {True, False, None}
        assert (image.machine.kernel_root or 0) < 2**64
        for root in {0x1000, *(cpu.cr3 for cpu in image.machine.cpus)}:
            for va in (0, 0x1000, 0xFFFF_FFFF_FFFF_F000):
                walk(RULES, image, root, va)


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=80, deadline=None)
@given(changes=mutations, chosen=st.sampled_from([None, None, None, *Format]))
@example(changes=[("byte", 0, 0x7F)], chosen=None)
def test_a_damaged_image_is_read_or_refused(
    name: str, changes: list[tuple[str, int, int]], chosen: Format | None
) -> None:
    IMAGE.write_bytes(mutate(SEEDS[name], changes))
    use(IMAGE, chosen)


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_read(name: str) -> None:
    IMAGE.write_bytes(SEEDS[name])
    with open_image(IMAGE) as image:
        assert image.read(0x1000, 4096) == tables()[0][1]


@pytest.mark.parametrize("name", SEEDS)
def test_an_image_that_is_cut_anywhere_is_read_or_refused(name: str) -> None:
    data = SEEDS[name]
    for end in [*range(1, 130, 3), *range(130, len(data), 251), *range(len(data) - 40, len(data))]:
        IMAGE.write_bytes(data[:end])
        use(IMAGE, None)


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=300), head=st.sampled_from([b"", b"\x7fELF\2\1\1", b"PK\3\4"]))
def test_any_bytes_are_read_or_refused(data: bytes, head: bytes) -> None:
    IMAGE.write_bytes(head + data)
    use(IMAGE, None)


numbers = st.one_of(
    st.integers(0, 2**64 - 1).map(hex),
    st.integers(-10, 2**70).map(str),
    st.sampled_from(
        ["0x0", "0x1000", "4096", "0x", "-0x1", "0xg", "1e3", "", " 1", "٣", "0b1", "²"]
    ),
    st.text(max_size=8),
)
models = ("x86-64-4level", "x86-64-5level", "x86-32-pae", "riscv-sv39", "aarch64-4k", "none", "")
words = st.one_of(
    numbers,
    st.sampled_from(
        ["--user", "--json", "--wp", "--no-wp", "--no-nx", "--nxe", "--smep", "--no-smap", "--ac"]
    ),
    st.builds("--access={}".format, st.sampled_from(["read", "write", "fetch", "x"])),
    st.builds("--format={}".format, st.sampled_from(["raw", "npz", "elf", "x"])),
    st.builds("--model={}".format, st.sampled_from(models)),
    st.builds("--cr3={}".format, numbers),
    st.builds("--pkru={}".format, numbers),
    st.builds("--cpu={}".format, st.sampled_from(["0", "1", "2", "-1", "x", "9" * 30])),
    st.builds("--maxphyaddr={}".format, st.sampled_from(["0", "11", "12", "40", "52", "53", "x"])),
    st.builds("--control={}".format, st.sampled_from(["wp", "wp=0", "wp=2", "sum=1", "=", "\0"])),
    st.builds("--svg={}".format, st.sampled_from([str(FOLDER / "out.svg"), "/", "\0", ""])),
)


valid = st.one_of(
    st.sampled_from("--user --json --no-wp --no-nx --smep --no-smap --ac --cr3=0x1000".split()),
    st.builds("--access={}".format, st.sampled_from(["read", "write", "fetch"])),
    st.builds("--pkru={:#x}".format, st.integers(0, 2**32 - 1)),
    st.builds("--maxphyaddr={}".format, st.integers(12, 52)),
    st.builds("--cr3={:#x}".format, st.sampled_from([0, 0x1000, 0x2000, 0x3008, 0x9000, 2**52])),
)
"""Mistakes hide what lies behind them, so half of the command lines have none."""
accesses = st.one_of(
    st.lists(words, max_size=6),
    st.builds(
        lambda va, more: [hex(va), "--cr3=0x1000", *more],
        st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 0x1234, 2**64 - 1, 2**47])),
        st.lists(valid, max_size=4),
    ),
)


def run(arguments: list[str]) -> tuple[int, str, str]:
    """The exit code, and what was printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as done:  # --help
            code = int(done.code or 0)
    return code, out.getvalue(), err.getvalue()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(SEEDS)),
    changes=st.one_of(st.just([]), mutations),
    arguments=accesses,
)
def test_walk_answers_or_refuses(
    name: str, changes: list[tuple[str, int, int]], arguments: list[str]
) -> None:
    picture = FOLDER / "out.svg"
    picture.unlink(missing_ok=True)
    IMAGE.write_bytes(mutate(SEEDS[name], changes))
    code, _, err = run(["walk", str(IMAGE), *arguments])
    assert code in {0, 4}, err
    assert "Traceback" not in err
    assert (code == 0) == (err == "")
    if picture.exists():
        assert ET.parse(picture).getroot().tag.endswith("svg")


listings = st.sampled_from(
    "--user --json --no-wp --no-nx --no-smap --write --exec --wx --physical --size=4K --size=2M "
    "--from=0x1000 --to=0x7fffffffffff --diff-cr3=0x2000 --diff-cr3=0x1000 --cr3=0x2000".split()
)
limits = st.one_of(
    words,
    st.sampled_from(["--write", "--exec", "--wx", "--physical"]),
    st.builds("--size={}".format, st.sampled_from(["4K", "2M", "1G", "0", "3K", "x", "9" * 30])),
    st.builds("--from={}".format, numbers),
    st.builds("--to={}".format, numbers),
    st.builds("--diff-cr3={}".format, numbers),
    st.builds("--diff-image={}".format, st.sampled_from([str(IMAGE), "/", "\0", ""])),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(SEEDS)),
    changes=st.one_of(st.just([]), mutations),
    arguments=st.one_of(
        st.lists(limits, max_size=6),
        st.lists(listings, max_size=5).map(lambda more: ["--cr3=0x1000", *more]),
    ),
)
def test_space_answers_or_refuses(
    name: str, changes: list[tuple[str, int, int]], arguments: list[str]
) -> None:
    IMAGE.write_bytes(mutate(SEEDS[name], changes))
    code, _, err = run(["space", str(IMAGE), *arguments])
    assert code in {0, 4}, err
    assert "Traceback" not in err
    assert (code == 0) == (err == "")
