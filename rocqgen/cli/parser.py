# SPDX-License-Identifier: Apache-2.0
"""The argument parser of the command and of each of its subcommands."""

from __future__ import annotations

import argparse
from typing import NoReturn, TypeAlias

from rocqgen.errors import UserError


class Parser(argparse.ArgumentParser):
    """An argparse parser whose mistakes are UserErrors, so that they exit with 4 and not with 2."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the usage line of the command in question."""
        raise UserError(message, expected=self.format_usage().removeprefix("usage: ").rstrip())


Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - it has no public name
"""What a command's ``register`` is given."""
