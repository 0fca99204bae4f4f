# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rocqgen.models import find_problems, load_model, resolve, shipped_models


def test_the_models_that_ship() -> None:
    assert shipped_models() == (
        "aarch64-4k",
        "riscv-sv39",
        "riscv-sv48",
        "riscv-sv57",
        "x86-32-pae",
        "x86-64-4level",
        "x86-64-5level",
    )


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_sound(name: str) -> None:
    assert find_problems(name) == []
    model = load_model(name)
    assert model.name == name
    rules = resolve(model)
    offset = rules.levels[-1].shift
    assert sum(one.index_mask.bit_length() for one in rules.levels) + offset == (
        model.address.virtual
    )
