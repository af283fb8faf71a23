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
    refuse_empty(arguments)
    as_json = "--json" in arguments
    rest = [argument for argument in arguments if argument != "--json"]
    text = (
        description or config.__doc__ or ""
    ) + "\n\n--json: the figures as one JSON object in the last line of stdout."
    start = tyro.MISSING_NONPROP if default is None else default
    found = tyro.cli(config, args=rest, prog=f"robot {verb}", description=text, default=start)
    refuse_huge(found)
    return found, as_json


def refuse_empty(arguments: Sequence[str]) -> None:
    """An empty value would be taken for none, and something else be done than was meant: `--map "$MAP"`."""
    for before, word in zip(("", *arguments), arguments, strict=False):
        if not word.strip() or (word.startswith("--") and word.endswith("=")):
            raise ValueError(f"{word.rstrip('=').strip() or before or 'argument'}: found nothing, allowed: a value")


def refuse_huge(config: Any) -> None:
    """Files and other processes are told whole numbers of 64 bits."""
    for name, value in vars(config).items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"--{name.replace('_', '-')}: found {value}, allowed: less than 2^63")


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
