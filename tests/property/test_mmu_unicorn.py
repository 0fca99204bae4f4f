# SPDX-License-Identifier: Apache-2.0
"""Our walks and those of an emulator that is not ours agree; a model that is wrong is found out.

`python -m bench.mmu --only agreement` makes 100,000 accesses in each mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.mmu.agreement import MODELS, agree
from rocqgen.models.load import model_path, parse_model

if TYPE_CHECKING:
    from bench.mmu.oracle import Mode

ACCESSES = 4000

ALWAYS = ["0", "I/D", "P", "P I/D", "P U/S", "P U/S I/D", "P W/R", "P W/R U/S"]
ALWAYS += ["P RSVD", "P W/R RSVD", "P U/S RSVD", "P RSVD I/D", "U/S", "W/R", "W/R U/S", "U/S I/D"]
KEYS = ["P PK", "P U/S PK", "P W/R PK", "P W/R U/S PK"]


@pytest.mark.parametrize("mode", MODELS)
def test_agreement_with_unicorn(mode: Mode) -> None:
    found = agree(mode, ACCESSES, seed=5)
    assert found.mismatches == []
    assert found.cases == ACCESSES
    assert found.updates > ACCESSES / 10
    codes = {name.split(" (")[0] for name in found.outcomes}
    expected = {f"#PF {code}" for code in ALWAYS + KEYS * (mode != "pae")}
    expected |= {"page of 4 KiB", "page of 2048 KiB"}
    if mode != "pae":
        expected |= {"page of 1048576 KiB", "#GP 0"}
    assert codes >= expected


WRONG = {
    "tables do not withhold user": (
        'user = { table = "US", leaf = "US" }',
        'user = { table = "always", leaf = "US" }',
    ),
    "a leaf's own write bit decides": (
        'write = { table = "RW", leaf = "RW" }',
        'write = { table = "always", leaf = "RW" }',
    ),
    "execution is never disabled": (
        'exec = { table = "!XD", leaf = "!XD" }',
        'exec = { table = "always", leaf = "always" }',
    ),
    "XD is never reserved": ('reserved = ["XD & !nxe"]', "reserved = []"),
    "bits below a 2 MiB frame are ignored": (
        'leaf = { bits = { PAT = 12 }, reserved = ["[20:13]"] }',
        "leaf = { bits = { PAT = 12 } }",
    ),
    "SMAP has no exception": ('read = "!user | !smap | ac"', 'read = "!user | !smap"'),
    "CR0.WP is ignored": ("& (write | !wp)", "& write"),
    "supervisors are not held by SMEP": ('"exec & !(user & smep)"', '"exec"'),
    "write-disable holds without CR0.WP": ("(AD | WD & wp)", "(AD | WD)"),
    "user writes ignore write-disable": ('write = "pke & user & (AD | WD)"', 'write = "pke & AD"'),
    "I/D is always reported": ('"fetch & (nxe | smep)"', '"fetch"'),
    "the dirty bit is another one": ("D = 6, G = 8", "D = 8, G = 6"),
    "tables have no accessed bit": ('[accessed]\ntable = "A"', "[accessed]"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_model_is_found_out(wrong: str) -> None:
    right, instead = WRONG[wrong]
    text = model_path("x86-64-4level").read_text()
    assert text.count(right) == 1
    model = parse_model(text.replace(right, instead))
    assert agree("4-level", 4000, seed=6, model=model, most=1).mismatches
