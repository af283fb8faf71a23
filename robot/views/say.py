"""What a person is told while a program runs."""

import sys

NO_END = "{}: its log has no end, as of a run that goes on or was cut off: shown is what it holds"


def say(text: str) -> None:
    """A line for a person, on standard error."""
    print(text, file=sys.stderr, flush=True)
