# SPDX-License-Identifier: Apache-2.0
"""Turns what pydantic says about a spec into sentences."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from rocqgen.models.bits import SpecError
from rocqgen.models.schema import MODEL_PATTERN, NAME_PATTERN, TEXT_PATTERN, PagingModel

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from rocqgen.models.lines import Path

_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "tuple_type": "an array such as `[...]`",
    "dict_type": "a table of keys and values",
    "mapping_type": "a table of keys and values",
    "model_type": "a table",
}


_PATTERNS = {
    TEXT_PATTERN: "text of one line",
    NAME_PATTERN: "a letter, then letters, digits, `_` and `-`",
    MODEL_PATTERN: "lower-case letters and digits, in parts joined by `-`",
}
_EXAMPLES = {
    "above-physical": '"reserved"',
    "bits": '"51:12"',
    "bytes": "8",
    "code": "[]",
    "default": "false",
    "entries": '["table", "leaf"]',
    "fetch": '"user & exec"',
    "index": '"47:39"',
    "kind": '"paging"',
    "leaf": '"A"',
    "leaf-if": '"PS"',
    "low": "12",
    "name": '"my-model"',
    "physical": "52",
    "pointer": "64",
    "present": '"P"',
    "read": '"user"',
    "reasons": '["absent"]',
    "register-name": '"PKRU"',
    "rights": '{ write = { leaf = "RW" } }',
    "source": '["the manual and its section"]',
    "title": '"my model"',
    "value": "1",
    "virtual": "48",
    "write": '"user & write"',
}


def explain_shape(error: ValidationError, data: Mapping[str, Any]) -> list[tuple[Path, SpecError]]:
    """The path and the sentence of each error."""
    errors = error.errors(include_url=False, include_input=False)
    return [_explain(one, data) for one in errors if not _follows(one, errors)]


def _follows(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """An array is too short only because of elements that were refused."""
    place = error["loc"]
    return error["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in errors
    )


def _explain(error: ErrorDetails, data: Mapping[str, Any]) -> tuple[Path, SpecError]:
    kind = error["type"]
    context = error.get("ctx", {})
    path = tuple(part for part in error["loc"] if part != "[key]")
    given = context.get("error")
    if isinstance(given, SpecError):
        return path, given
    if kind == "missing":
        return path, _missing(path)
    if kind == "extra_forbidden":
        return path, _unknown(path)
    value = _at(data, path)
    if "[key]" in error["loc"]:
        return path, SpecError(
            f"`{path[-1]}` is not a name that can stand here",
            expected=_expected(kind, context),
        )
    shown = f"{_shown(value)} cannot stand here"
    if kind in _WANTED:
        shown = f"{_shown(value)} is not {_WANTED[kind]}"
    return path, SpecError(shown, expected=_expected(kind, context))


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind in {"literal_error", "enum"}:
        return str(context["expected"]).replace("'", "`")
    if kind == "greater_than_equal":
        return f"at least {context['ge']}"
    if kind == "less_than_equal":
        return f"at most {context['le']}"
    if kind == "less_than":
        return f"less than {context['lt']}"
    if kind == "too_short":
        return "at least one element"
    if kind == "too_long":
        return f"at most {context['max_length']} elements"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return _PATTERNS[str(context["pattern"])]
    return _WANTED.get(kind, "another value")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"`{json.dumps(value[:40])}`" if value else "the empty string"
    if isinstance(value, int):
        return f"`{value}`" if abs(value) < 1 << 64 else "so large a number"
    if isinstance(value, float):
        return f"`{value}`"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence):
        return "an array"
    return "this value"


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, Mapping | list):
            try:
                data = data[part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return None
    return data


def _part(path: Path) -> type[BaseModel] | None:
    """The class whose keys stand at `path`."""
    found: Any = PagingModel
    for part in path:
        if isinstance(part, int) or not isinstance(found, type):
            continue
        if not issubclass(found, BaseModel):
            continue
        fields = {field.alias or name: field for name, field in found.model_fields.items()}
        if str(part) not in fields:
            continue
        found = next(iter(_models(fields[str(part)].annotation)), None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The classes of parts that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models(argument)]


def _missing(path: Path) -> SpecError:
    """What to write for a key that is not there: its keys if it is a section, or an example."""
    name = str(path[-1])
    part = _part(path[:-1])
    if part is not None:
        for field_name, field in part.model_fields.items():
            inner = _models(field.annotation)
            if (field.alias or field_name) == name and inner:
                return SpecError(
                    "this part is missing",
                    expected=f"`{name}`, with the keys " + ", ".join(_keys(inner[0])),
                )
    example = _EXAMPLES.get(name)
    return SpecError(
        "this key is missing", hint=None if example is None else f"{name} = {example}, for example"
    )


def _keys(part: type[BaseModel]) -> list[str]:
    return [f"`{field.alias or name}`" for name, field in part.model_fields.items()]


def _unknown(path: Path) -> SpecError:
    part = _part(path[:-1])
    if part is None:
        return SpecError(f"there is no key `{path[-1]}`")
    keys = [key.strip("`") for key in _keys(part)]
    near = difflib.get_close_matches(str(path[-1]), keys, n=1)
    return SpecError(
        f"there is no key `{path[-1]}` here",
        expected=", ".join(f"`{key}`" for key in keys),
        hint=near[0] if near else None,
    )
