# SPDX-License-Identifier: Apache-2.0
"""Counterexamples in files: written when one is found, read to run it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rocqgen import __version__
from rocqgen.errors import UserError
from rocqgen.userdirs import cache_dir, ensure_dir, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.check.result import Result

KIND: Final = "rocqgen counterexamples"
FORMAT: Final = 1
"""Rises when a field changes its meaning or goes."""

_LARGEST: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Saved:
    """One saved counterexample: its fragment, the source as it was named and absolute, and the
    digest of its bytes then; `choice` determines the state."""

    fragment: str
    source: str
    path: str
    digest: str
    choice: dict[str, Any]


def save(results: Sequence[Result], path: Path | None = None) -> Path:
    """Write the results that have a state; by default to a file of the first one's own.

    UserError where the file cannot be written.
    """
    document = {
        "kind": KIND,
        "format": FORMAT,
        "rocqgen": __version__,
        "counterexamples": [
            {**one.to_json(), "path": str(Path(one.source).absolute())}
            for one in results
            if one.choice is not None
        ],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    try:
        if path is None:
            first = results[0]
            name = f"{first.fragment}-{first.digest[:8]}.json"
            path = ensure_dir(cache_dir() / "counterexamples") / name
        write_atomically(path, text)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", hint="another file after --save"
        ) from error
    return path


def load(path: Path) -> tuple[Saved, ...]:
    """The counterexamples in a file; UserError where it is none of ours."""
    expected = "a file that `rocqgen check` saved"
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError("this is too large", file=path, expected=expected)
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror or error}", file=path, expected=expected
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError("this is not JSON", file=path, expected=expected) from error
    try:
        if document["kind"] != KIND or document["format"] != FORMAT:
            raise UserError("this is no such file", file=path, expected=expected)
        return tuple(_saved(one) for one in document["counterexamples"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"something is missing in it: {error}", file=path, expected=expected
        ) from error


def _saved(one: dict[str, Any]) -> Saved:
    saved = Saved(one["fragment"], one["source"], one["path"], one["digest"], one["choice"])
    texts = (saved.fragment, saved.source, saved.path, saved.digest)
    if not all(isinstance(text, str) for text in texts) or not isinstance(saved.choice, dict):
        raise TypeError("a field has another type")
    return saved
