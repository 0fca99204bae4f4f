# SPDX-License-Identifier: Apache-2.0
"""Where the keys of a TOML text stand: tomllib tells their values but not their places."""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def find_places(text: str) -> dict[Path, Place]:
    """The place of each key and of each element of an array; `text` is valid TOML.

    A path is what pydantic calls a location: names of keys and numbers of elements.
    """
    return _Scanner(text).scan()


class _Scanner:
    """One pass over a text that tomllib has accepted."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.places: dict[Path, Place] = {}
        self.tables: dict[Path, int] = {}

    def scan(self) -> dict[Path, Place]:
        table: Path = ()
        self.space()
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.space()
        return self.places

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def place(self) -> Place:
        before = self.text.rfind("\n", 0, self.at)
        return self.text.count("\n", 0, self.at) + 1, self.at - before

    def note(self, path: Path, place: Place) -> None:
        self.places.setdefault(path, place)

    def header(self) -> Path:
        place = self.place()
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        path: Path = ()
        keys = self.key()
        for number, key in enumerate(keys, start=1):
            path = (*path, key)
            self.note(path, place)
            if double and number == len(keys):
                self.tables[path] = self.tables.get(path, -1) + 1
            if path in self.tables:
                path = (*path, self.tables[path])
                self.note(path, place)
        self.space()
        self.at += 2 if double else 1
        return path

    def key(self) -> list[str]:
        """The parts of a dotted key."""
        parts = []
        while True:
            self.space()
            match = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            if match is None:
                raise AssertionError("not TOML")
            self.at = match.end()
            quoted = match[0][0] in "\"'"
            parts.append(str(tomllib.loads(f"k = {match[0]}")["k"]) if quoted else match[0])
            self.space()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def pair(self, table: Path) -> None:
        place = self.place()
        path = table
        for part in self.key():
            path = (*path, part)
            self.note(path, place)
        self.at += 1
        self.value(path)

    def value(self, path: Path) -> None:
        self.space()
        self.note(path, self.place())
        first = self.text[self.at]
        if first == "[":
            self.at += 1
            self.items(path, "]")
        elif first == "{":
            self.at += 1
            self.items(path, "}")
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            if match is None:
                raise AssertionError("not TOML")
            self.at = match.end()

    def items(self, path: Path, close: str) -> None:
        """The rest of an array or of an inline table."""
        number = 0
        self.space()
        while not self.text.startswith(close, self.at):
            if close == "]":
                self.value((*path, number))
            else:
                self.pair(path)
            number += 1
            self.space()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.space()
        self.at += 1
