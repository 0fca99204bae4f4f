# SPDX-License-Identifier: Apache-2.0
"""Mistakes in specs, and what is said of them, in `bad_specs.golden`.

`python tests/unit/models/test_bad_specs.py` writes the expected texts anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.models import find_problems, parse_model
from rocqgen.models.load import model_path

GOLDEN = Path(__file__).with_name("bad_specs.golden")
X86, SV39, PAE, ARM = "x86-64-4level", "riscv-sv39", "x86-32-pae", "aarch64-4k"

# Each is a shipped model with one piece of its text replaced.
MISTAKES: dict[str, tuple[str, str, str]] = {
    "not toml": (X86, "virtual = 48", "virtual = = 48"),
    "key twice": (X86, "virtual = 48", "virtual = 48\nvirtual = 48"),
    "unclosed": (X86, 'reasons = ["root", "noncanonical"]', 'reasons = ["root"'),
    "kind": (X86, 'kind = "paging"', 'kind = "segments"'),
    "kind missing": (X86, 'kind = "paging"\n', ""),
    "name": (X86, 'name = "x86-64-4level"', 'name = "X86 64"'),
    "unknown key": (X86, "pointer = 64", "pionter = 64"),
    "unknown key in a level": (X86, 'index = "38:30"', 'index = "38:30"\nsize = 3'),
    "section missing": (SV39, '[root]\nname = "satp"', '[foot]\nname = "satp"'),
    "width is a string": (X86, "virtual = 48", 'virtual = "48"'),
    "width is true": (X86, "virtual = 48", "virtual = true"),
    "width too large": (X86, "pointer = 64", "pointer = 128"),
    "virtual above pointer": (PAE, "pointer = 32", "pointer = 24"),
    "canonical missing": (X86, 'canonical = "sign-extended"\n', ""),
    "canonical unknown": (X86, '"sign-extended"', '"signed"'),
    "canonical superfluous": (PAE, "physical = 52", 'physical = 52\ncanonical = "zero"'),
    "entry bytes": (X86, "bytes = 8", "bytes = 16"),
    "short entries": (X86, "bytes = 8", "bytes = 4"),
    "bits not a range": (X86, 'index = "38:30"', 'index = "38-30"'),
    "bits the wrong way round": (X86, 'index = "38:30"', 'index = "30:38"'),
    "bits too high": (X86, "XD = 63", "XD = 64"),
    "bits an array": (X86, 'index = "38:30"', "index = [38, 30]"),
    "gap between levels": (X86, 'index = "38:30"', 'index = "37:30"'),
    "levels overlap": (X86, 'index = "38:30"', 'index = "39:30"'),
    "first level too low": (X86, "virtual = 48", "virtual = 49"),
    "first level too high": (X86, "virtual = 48", "virtual = 47"),
    "two levels of one name": (X86, 'name = "PD"\n', 'name = "PT"\n'),
    "tables at the end": (SV39, 'entries = ["leaf"]', 'entries = ["table", "leaf"]'),
    "no way down": (SV39, 'entries = ["table", "leaf"]', 'entries = ["leaf"]'),
    "entry kind unknown": (SV39, 'entries = ["leaf"]', 'entries = ["page"]'),
    "no entry kind": (SV39, 'entries = ["leaf"]', "entries = []"),
    "leaf-if contradicts": (X86, 'leaf-if = "always"', 'leaf-if = "never"'),
    "registers below the root": (
        PAE,
        'name = "PD"\n',
        'name = "PD"\nloaded-with-root = true\n',
    ),
    "address too wide": (X86, "physical = 52", "physical = 48"),
    "address too narrow": (SV39, 'bits = "53:10", low = 12', 'bits = "52:10", low = 12'),
    "address without its low bit": (
        X86,
        'bits = "51:12", low = 12 }\nabove',
        'bits = "51:12" }\nabove',
    ),
    "leaf below the address": (SV39, 'bits = "53:10", low = 12', 'bits = "53:11", low = 13'),
    "bits overlap": (X86, "A = 5,", "A = 2,"),
    "bit in the address": (X86, "D = 6, G = 8", "D = 6, G = 12"),
    "bit of a large leaf in its address": (
        X86,
        'PAT = 12 }, reserved = ["[20:13]"]',
        "PAT = 22 }, reserved = []",
    ),
    "name twice": (X86, "bits = { PAT = 7 }", "bits = { P = 7 }"),
    "name of a control": (X86, "D = 6,", "wp = 6,"),
    "control with a word's name": (X86, "ac = {", "user = {"),
    "control without default": (
        X86,
        'default = false, about = "lifts SMAP"',
        'about = "lifts SMAP"',
    ),
    "reserved address": (X86, 'reserved = ["[20:13]"]', 'reserved = ["[25:13]"]'),
    "condition not a string": (X86, 'present = "P"', "present = 0"),
    "condition empty": (X86, 'present = "P"', 'present = " "'),
    "condition ends": (SV39, '"W & !R"', '"W & !"'),
    "condition with a stray token": (SV39, '"W & !R"', '"W & ~R"'),
    "condition unclosed": (SV39, '"(read | mxr & exec) & (!user | sum)"', '"(read | mxr & exec"'),
    "condition with &&": (SV39, '"W & !R"', '"W && !R"'),
    "unknown bit": (SV39, '"W & !R"', '"W & !Q"'),
    "unknown bit, near": (X86, 'leaf-if = "PS"', 'leaf-if = "ps"'),
    "bit of another kind": (X86, 'table = "RW", leaf = "RW"', 'table = "D", leaf = "RW"'),
    "value too large": (SV39, "PBMT == 3", "PBMT == 5"),
    "value of a control": (SV39, '"PBMT & !pbmte"', '"PBMT & pbmte == 0"'),
    "condition on a high bit": (SV39, '"[60:54]"', '"[64:54]"'),
    "too many alternatives": (
        SV39,
        '"W & !R"',
        '"[7:0] & [15:8] & [23:16] & [31:24]"',
    ),
    "right unknown": (X86, "[rights]\nwrite =", "[rights]\nwriting ="),
    "right not declared": (
        X86,
        'read = "user"\nwrite = "user & write"',
        'read = "read"\nwrite = "user & write"',
    ),
    "access missing": (X86, 'fetch = "user & exec"\n', ""),
    "bits in an access rule": (X86, 'fetch = "user & exec"', 'fetch = "user & [63]"'),
    "key too wide": (X86, 'name = "PKRU"\nbits = "62:59"', 'name = "PKRU"\nbits = "62:58"'),
    "accessed is two bits": (SV39, '[accessed]\nleaf = "A"', '[accessed]\nleaf = "PBMT"'),
    "accessed is a condition": (SV39, '[accessed]\nleaf = "A"', '[accessed]\nleaf = "A & D"'),
    "hardware depends on an entry": (
        SV39,
        'leaf = "D"\nhardware = "adue"',
        'leaf = "D"\nhardware = "D"',
    ),
    "reason unknown": (X86, '"noncanonical"]', '"non-canonical"]'),
    "reason twice": (X86, '["absent", "reserved"', '["absent", "noncanonical", "reserved"'),
    "reason impossible": (PAE, 'reasons = ["root"]', 'reasons = ["root", "key"]'),
    "reason missing": (X86, '["absent", "reserved", "key", "protection"]', '["absent", "key"]'),
    "code unknown word": (X86, 'when = "write"', 'when = "writes"'),
    "code negative": (X86, "value = 32", "value = -32"),
    "level in the code": (ARM, 'level = "1:0"', 'level = "2:0"'),
    "level does not fit": (ARM, 'level = "1:0"', "level = 0"),
    "root field overlaps": (SV39, 'ASID = "59:44"', 'ASID = "59:43"'),
    "fixed unknown": (SV39, "fixed = { MODE = 8 }", "fixed = { MODES = 8 }"),
    "fixed too large": (SV39, "fixed = { MODE = 8 }", "fixed = { MODE = 16 }"),
    "three at once": (X86, "virtual = 48\npointer = 64", "virtual = 49\npointer = 48"),
}


def text_of(mistake: str) -> str:
    model, old, new = MISTAKES[mistake]
    text = model_path(model).read_text()
    assert old in text, mistake
    return text.replace(old, new, 1)


def said(mistake: str, folder: Path) -> str:
    file = folder / "m.toml"
    file.write_text(text_of(mistake))
    problems = find_problems(file)
    shown = "\n".join(problem.render() for problem in problems)
    return f"== {mistake}\n{shown}\n".replace(f"{folder}/", "")


def expected() -> dict[str, str]:
    parts = GOLDEN.read_text().split("== ")[1:]
    return {part.split("\n", 1)[0]: f"== {part.rstrip()}\n" for part in parts}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_where_it_is(mistake: str, tmp_path: Path) -> None:
    assert said(mistake, tmp_path) == expected()[mistake]
    with pytest.raises(UserError) as caught:
        parse_model(text_of(mistake), file="m.toml")
    assert caught.value.line is not None
    assert caught.value.render() in expected()[mistake]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text("\n".join(said(mistake, Path(folder)) for mistake in MISTAKES))
