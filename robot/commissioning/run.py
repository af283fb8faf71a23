"""One set-up from its options to its figures, whatever the robot."""

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from robot.commissioning.commissioning import Commissioning
from robot.commissioning.options import SetupOptions
from robot.commissioning.steps import SetupError, carry_out, read_found
from robot.commissioning.terminal import Terminal
from robot.runtime.run_folder import CONFIG_FILE, new_run_folder, read_config, save_config
from sim.input_files import from_table

CHANGES_ON_RESUME = ("resume", "yes")


def begin(asked: SetupOptions, kind: str, root: Path) -> tuple[SetupOptions, Path]:
    """Options and folder of a set-up that begins, or of the one that is taken up.

    Raises ValueError for an option that the earlier one began without.
    """
    if not asked.resume:
        folder = new_run_folder(root, "setup", kind)
        save_config(folder, replace(asked, yes=False))
        return asked, folder
    folder = Path(asked.resume)
    earlier = from_table(folder / CONFIG_FILE, type(asked), read_config(folder))
    for field in fields(earlier):
        found, began = getattr(asked, field.name), getattr(earlier, field.name)
        if field.name not in CHANGES_ON_RESUME and found not in (field.default, began):
            raise ValueError(
                f"--{field.name.replace('_', '-')}: found {found!r}, allowed with --resume: {began!r}, as it began"
            )
    return replace(earlier, yes=asked.yes, resume=asked.resume), folder


def command(kind: str, options: SetupOptions) -> str:
    """What begins such a set-up from its first step on."""
    told = [f"--{each.name.replace('_', '-')} {shlex.quote(str(getattr(options, each.name)))}" for each in fields(options)
            if each.name not in CHANGES_ON_RESUME and getattr(options, each.name) != each.default]  # fmt: skip
    return " ".join(["robot setup", kind, *told])


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Told to end by the system or by a terminal that is closed, a set-up ends as with Ctrl-C: the robot comes to rest."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    earlier = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def set_up(
    kind: str, brings: Commissioning, asked: SetupOptions, as_json: bool, root: Path = Path("runs")
) -> dict[str, Any]:
    """Carry it out. Figures: the robot's own, failure (why it ended early; None), interrupted, folder, next (the command to go on with).

    Raises ValueError for wrong options, and for a real robot that nobody stands beside.
    """
    options, folder = begin(asked, kind, root)
    with ended_in_order(), brings.begin(options, folder) as setting_up:
        at_terminal = sys.stdin is not None and sys.stdin.isatty()
        if not (options.yes or at_terminal or setting_up.virtual):
            raise ValueError(
                "--yes: found no terminal to ask a person in, allowed: a terminal, or --yes once all is done"
            )
        terminal = Terminal(at_terminal and not (options.yes or as_json), len(setting_up.steps))
        terminal.console.print(f"setup    {setting_up.title}")
        failure: str | None = None
        interrupted = anew = False
        try:
            found = carry_out(setting_up.steps, folder, terminal)
        except SetupError as error:
            failure, anew = str(error), error.anew
        except KeyboardInterrupt as error:
            failure, interrupted = str(error) or "interrupted", True
        finally:
            terminal.close()
        found = read_found(folder, setting_up.steps)
        terminal.table(setting_up.lines(found))
        again = command(kind, options) if anew else f"robot setup {kind} --resume {folder}"
        following = again if failure else setting_up.next_command(found)
    ended = {"failure": failure, "interrupted": interrupted, "folder": str(folder), "next": following}
    return setting_up.figures(found) | ended
