"""Many logs at once, for CI: every log below a folder replayed, a JUnit report, one exit status."""

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from robot.logs.junit import TestCase, write_junit
from robot.logs.mcap_file import RefusedLog
from robot.logs.replay import Mind, Outcome, ReplayReport, replay
from robot.logs.writer import log_parts

# Of `robot replay`: what each outcome exits with. Of a folder of logs the first of 1, 2, 3 that any of them has.
EXIT_STATUS: dict[Outcome, int] = {
    "equal": 0,
    "different": 1,  # this program decides otherwise, or the log was changed
    "damaged": 1,  # a checksum says so
    "failed": 1,  # this program raised an exception
    "foreign": 2,  # not a log of this project
    "other version": 2,  # its records or its setup have other fields
    "empty": 2,  # no ticks
    "gap": 2,  # ticks, weights or the setup are missing
    "unreadable": 2,  # no permission, a compression that nobody knows
    "cut": 3,  # equal as far as it goes, but without an end
}
RESULTS: dict[int, Literal["passed", "failure"]] = {
    0: "passed",
    1: "failure",
}  # in JUnit, by exit status; else an error

COMPLETE = {True: "true", False: "false", None: "unknown"}


def try_replay(path: Path, make_mind: Callable[[int], Mind] | None = None) -> ReplayReport:
    """Like `replay`, but whatever happens is reported: a log that is refused, and an exception of this program."""
    try:
        return replay(path, make_mind)
    except RefusedLog as refusal:
        return ReplayReport.refused(refusal.outcome, str(refusal))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{path}: {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}: {error}"
        return ReplayReport.refused("failed", reason)


def find_logs(folder: Path) -> list[Path]:
    """The runs (or single MCAP files that belong to no run) in a folder and below it, sorted; links are followed.

    A folder that cannot be listed is among them, so that its replay says so. Raises ValueError if there are none.
    """
    found: set[Path] = set()
    seen: set[str] = set()
    refused: list[Path] = []

    def refuse(error: OSError) -> None:
        refused.append(Path(error.filename))

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        here, real = Path(place), os.path.realpath(place)
        if real in seen:
            folders.clear()  # a link that leads in a circle
            continue
        seen.add(real)
        parts = log_parts(here) if "log.mcap" in files else []
        found |= {here} if parts else set()
        found |= {here / name for name in files if name.lower().endswith(".mcap") and here / name not in parts}
        found |= {here / name for name in folders if name.lower().endswith(".mcap")}
    if not found and not refused:
        raise ValueError(f"{folder}: found no logs, allowed: a folder with runs or .mcap files in it")
    return sorted({*found, *refused})


def replay_folder(
    folder: Path | str, make_mind: Callable[[Path, int], Mind] | None = None
) -> dict[Path, tuple[ReplayReport, float]]:
    """Replay every log below a folder: what came of each, and the seconds that it took.

    `make_mind(log, life)` as for `replay`. Raises ValueError if there are none; no single log ends it.
    """
    results = {}
    for log in find_logs(Path(folder)):
        started = time.perf_counter()
        make = (lambda life, log=log: make_mind(log, life)) if make_mind else None  # type: ignore[misc]
        report = try_replay(log, make)
        results[log] = report, time.perf_counter() - started
    return results


def write_report(path: Path, folder: Path, results: dict[Path, tuple[ReplayReport, float]]) -> None:
    """A JUnit report for CI: one test case for each log. Different, damaged and failed count as failures; what could not
    be compared to its end as errors; `type` is the outcome."""
    cases = []
    for log, (report, duration_s) in results.items():
        name = str(log.relative_to(folder)) if log != folder else log.name
        kind: Literal["passed", "failure", "error"] = RESULTS.get(EXIT_STATUS[report.outcome], "error")
        about = {"outcome": report.outcome, "ticks": str(report.ticks), "complete": COMPLETE[report.complete]}
        cases.append(TestCase("replay", name, duration_s, kind, report.outcome, report.reason, about))
    write_junit(path, "robot replay", cases)


def exit_status(outcomes: list[Outcome]) -> int:
    """Of `robot replay`, for these logs."""
    found = {EXIT_STATUS[outcome] for outcome in outcomes}
    return min(found - {0}, default=0)
