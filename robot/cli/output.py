"""What every verb prints: text for people on stderr, one JSON object as the last line of stdout."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import tyro

from robot.runtime.json_file import json_text

ConfigT = TypeVar("ConfigT")


def parse(
    config: type[ConfigT],
    verb: str,
    arguments: Sequence[str],
    description: str | None = None,
    default: ConfigT | None = None,
) -> tuple[ConfigT, bool]:
    """The verb's options as its config dataclass, and whether `--json` was given. Exits with status 2 on a wrong one.

    default: what options that are not given are taken from, instead of the dataclass's own.
    """
    as_json = "--json" in arguments
    rest = [argument for argument in arguments if argument != "--json"]
    text = (
        description or config.__doc__ or ""
    ) + "\n\n--json: the figures as one JSON object in the last line of stdout."
    start = tyro.MISSING_NONPROP if default is None else default
    return tyro.cli(config, args=rest, prog=f"robot {verb}", description=text, default=start), as_json


def parse_help(config: type, verb: str) -> None:
    """Print the help of a verb's options."""
    with suppress(SystemExit):
        parse(config, verb, ["--help"])
    print()


def named_option(arguments: Sequence[str], name: str) -> str | None:
    """The value of an option that decides which other options there are; None if it is not given."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        option, equals, value = argument.partition("=")
        if option == f"--{name}":
            return value if equals else following
    return None


def finish(figures: dict[str, Any], as_json: bool) -> None:
    """The last line of stdout."""
    if as_json:
        print(json_text(figures), flush=True)
