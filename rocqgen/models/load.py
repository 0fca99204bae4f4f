# SPDX-License-Identifier: Apache-2.0
"""Reads memory-model specs; what is wrong with one is said with the line of the key in question."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from rocqgen.errors import UserError
from rocqgen.models.bits import SpecError
from rocqgen.models.fit import check_fit
from rocqgen.models.lines import find_places
from rocqgen.models.schema import PagingModel
from rocqgen.models.shape import explain_shape

if TYPE_CHECKING:
    from rocqgen.models.lines import Path as KeyPath
    from rocqgen.models.lines import Place

ModelSource: TypeAlias = str | os.PathLike[str]
_SHIPPED = Path(__file__).resolve().parent / "shipped"
_LARGEST = 1 << 20


def shipped_models() -> tuple[str, ...]:
    """The names of the models that come with rocqgen, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def model_path(source: ModelSource) -> Path:
    """The file of a shipped model, or the file that `source` names; `UserError` if none does."""
    text = os.fspath(source)
    if isinstance(source, str) and text in shipped_models():
        return _SHIPPED / f"{text}.toml"
    path = Path(text)
    if not text or not path.exists():
        raise UserError(
            f"there is no memory model `{text}`",
            expected="a file, or one of " + ", ".join(shipped_models()),
        )
    return path


def load_model(source: ModelSource) -> PagingModel:
    """The model of that name or in that file; `UserError` at the first thing that is wrong."""
    file, text = read_spec(source)
    return parse_model(text, file=file)


def read_spec(source: ModelSource) -> tuple[str, str]:
    """The name of a model's file, as messages show it, and its text; `UserError` if it has none."""
    path = model_path(source)
    return _shown(path), _read(path)


def parse_model(text: str, *, file: str = "<text>") -> PagingModel:
    """The model that a TOML text describes; `UserError` at the first thing that is wrong."""
    model, problems = _parse(text, file)
    if model is None or problems:
        raise problems[0]
    return model


def find_problems(source: ModelSource) -> list[UserError]:
    """Everything that is wrong with a spec, in the order of its lines."""
    path = model_path(source)
    try:
        return _parse(_read(path), _shown(path))[1]
    except UserError as error:
        return [error]


def _shown(path: Path) -> str:
    """Shipped models by a name that is the same wherever rocqgen is installed."""
    return f"rocqgen/models/shipped/{path.name}" if path.parent == _SHIPPED else str(path)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(
                "this is too large for a memory model",
                file=path,
                expected="a TOML file below 1 MiB",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read the file: {error.strerror or error}",
            file=path,
            expected="a memory model in TOML",
        ) from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise UserError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            file=path,
            line=before.count(b"\n") + 1,
            column=len(before) - before.rfind(b"\n"),
            expected="a memory model in TOML, which is UTF-8",
        ) from error


def _parse(text: str, file: str) -> tuple[PagingModel | None, list[UserError]]:
    try:
        data = tomllib.loads(text)
        places = find_places(text)
    except tomllib.TOMLDecodeError as error:
        return None, [_toml_error(error, text, file)]
    except (RecursionError, ValueError):
        # Too deep for Python's stack, or a number with more digits than Python reads.
        return None, [_beyond_python(text, file)]
    model = None
    try:
        model = PagingModel.model_validate(data)
        complaints = list(check_fit(model))
    except ValidationError as error:
        complaints = explain_shape(error, data)
    problems = [_located(path, complaint, places, file) for path, complaint in complaints]
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return model, problems


def _located(
    path: KeyPath, complaint: SpecError, places: dict[KeyPath, Place], file: str
) -> UserError:
    """With the place of the key, or of what would hold it if it is missing."""
    at = path
    while at and at not in places:
        at = at[:-1]
    line, column = places.get(at, (1, 1))
    where = key_text(path)
    return UserError(
        f"{where}: {complaint.message}" if where else complaint.message,
        file=file,
        line=line,
        column=column,
        expected=complaint.expected,
        hint=complaint.hint,
    )


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key_text(path: KeyPath) -> str:
    """A path as people write it: `level[2].leaf.bits.PAT`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _BARE.fullmatch(part) else json.dumps(part)
            text += f".{shown}" if text else shown
    return text


_DIGITS = re.compile(r"[0-9_]{1000}")


def _beyond_python(text: str, file: str) -> UserError:
    match = _DIGITS.search(text)
    if match is not None:
        line = text.count("\n", 0, match.start()) + 1
        return UserError("this number has too many digits", file=file, line=line)
    deepest = max(enumerate(text.splitlines(), start=1), key=lambda one: len(one[1]))
    return UserError("the values are nested too deeply", file=file, line=deepest[0])


_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _toml_error(error: tomllib.TOMLDecodeError, text: str, file: str) -> UserError:
    said: Any = str(error)
    match = _TOML_PLACE.search(said)
    line, column = text.count("\n") + 1, None
    if match is not None:
        said = said[: match.start()]
        if match[1]:
            line, column = int(match[1]), int(match[2])
    return UserError(
        f"this is not TOML: {said[:1].lower()}{said[1:]}",
        file=file,
        line=line,
        column=column,
        expected="`key = value` lines below headers such as `[entry]`",
    )
