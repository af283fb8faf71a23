"""The steps of a set-up, one after the other, kept on disk: it can be left at any step and taken up again.

A step is something to ask of a person, and something that the robot then finds out by itself. What it found is JSON; it
is written beside and renamed as soon as it is known, so a step is either done or not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from robot.runtime.json_file import write_json
from robot.runtime.run_folder import of_this_format, sealed
from sim.input_files import read_json, shown, wrong

STEPS_FILE = "setup.json"

Found = dict[str, Any]


class SetupError(Exception):
    """A step cannot go on; the message says what was found and what to do about it.

    anew: an earlier step has found what is not so any more, or never was: taken up again, it would end here again.
    """

    def __init__(self, words: str, anew: bool = False) -> None:
        super().__init__(words)
        self.anew = anew


@dataclass(frozen=True)
class Step:
    """One step. title: what is found out. request: what a person has to do before, which may depend on what was found so far; empty:
    nothing.

    carry_out(found so far by step, tell(share of the step, what is going on)): what it found, as JSON. Raises SetupError.
    """

    name: str
    title: str
    request: str | Callable[[dict[str, Found]], str]
    carry_out: Callable[[dict[str, Found], Callable[[float, str], None]], Found]


class Person(Protocol):
    """Who stands beside the robot, and sees what it does."""

    def do(self, request: str) -> None:
        """Wait until it is done."""
        ...

    def begin(self, step: Step) -> None: ...

    def tell(self, share: float, text: str) -> None: ...

    def done(self, step: Step, found: Found, earlier: bool) -> None:
        """earlier: it was done before this set-up was left."""
        ...


def read_found(folder: Path, steps: Sequence[Step]) -> dict[str, Found]:
    """What the steps of an earlier set-up found. Raises ValueError naming the file and what is wrong in it."""
    path = folder / STEPS_FILE
    if not path.exists():
        return {}
    told = of_this_format(path, read_json(path))
    found = told.pop("found", None)
    if told:
        raise wrong(path, next(iter(told)), "it", "format, crc32, found")
    names = [step.name for step in steps]
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise wrong(path, "found", shown(found), "what each step found, by its name")
    if list(found) != names[: len(found)]:
        raise wrong(path, "found", ", ".join(found), f"the first ones of {', '.join(names)}, in this order")
    return found


def carry_out(steps: Sequence[Step], folder: Path, person: Person) -> dict[str, Found]:
    """Go through the steps that are not done yet. Returns what each found. Raises SetupError at the first that cannot."""
    found = read_found(folder, steps)
    for step in steps:
        if step.name in found:
            person.done(step, found[step.name], True)
            continue
        person.begin(step)
        request = step.request(found) if callable(step.request) else step.request
        if request:
            person.do(request)
        found[step.name] = step.carry_out(found, person.tell)
        write_json(folder / STEPS_FILE, sealed({"found": found}))
        person.done(step, found[step.name], False)
    return found
