"""`robot replay`: the same decisions again, byte for byte, from a log or a folder of logs."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import tyro

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.views.say import say


@dataclass(frozen=True)
class ReplayConfig:
    """Feed a log's readings to the same program, and compare everything that it decides with what the log says.

    Exit status 0: equal to the end. 1: different, or damaged; the first difference is named. 2: cannot be replayed
    (foreign, another version, empty, a gap). 3: equal, but the log has no end: it was cut, or its recorder was killed.
    Of a folder: the first of 1, 2, 3 that any of its logs has.
    """

    log: Annotated[Path, tyro.conf.Positional]
    """A run's folder, or a log.mcap wherever it lies; or a folder of runs, whose logs are all replayed."""
    perception: bool = False
    """Compute the embeddings of a run's pictures again, from those that it kept without loss, and compare; not its decisions."""
    junit: Path | None = None
    """Where to write a JUnit report; for a folder of runs it is replay.xml if nothing is said."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(ReplayConfig, "replay", arguments)
    from policies.array_file import try_writing
    from robot.views.compiling import telling_of_compiling

    if not config.log.exists():
        raise ValueError(f"{config.log}: no such file or folder")
    if config.perception:
        return replay_perception(config, as_json)
    if config.junit is not None and config.junit.is_dir():
        raise ValueError(f"--junit: found {config.junit}, a folder; allowed: a file")
    one = config.log.is_file() or (config.log / "log.mcap").exists()
    junit = config.junit or Path("replay.xml")
    if config.junit or not one:
        try_writing(junit.parent)
    with telling_of_compiling():
        return replay_one(config, as_json) if one else replay_all(config, junit, as_json)


def replay_all(config: ReplayConfig, junit: Path, as_json: bool) -> int:
    """Every run in a folder; none ends the others."""
    from robot.logs.replay_folder import exit_status, replay_folder, write_report

    results = replay_folder(config.log)
    write_report(junit, config.log, results)
    for path, (report, _) in results.items():
        say(f"{path}: {report.outcome}: {report.reason.removeprefix(f'{path}: ') or f'{report.ticks} ticks'}")
    outcomes = [report.outcome for report, _ in results.values()]
    say(f"{len(results)} logs: {', '.join(f'{count} {outcome}' for outcome, count in Counter(outcomes).items())}")
    finish(
        {
            "equal": set(outcomes) == {"equal"},
            "logs": len(results),
            "ticks": sum(report.ticks for report, _ in results.values()),
            "outcomes": dict(Counter(outcomes)),
            "reports": {str(path): msgspec.to_builtins(report) for path, (report, _) in results.items()},
            "junit": str(junit),
        },
        as_json,
    )
    return exit_status(outcomes)


def replay_one(config: ReplayConfig, as_json: bool) -> int:
    """One run, or one file. An exception of the program is not caught here: its traceback tells more than a report."""
    from robot.logs.mcap_file import RefusedLog
    from robot.logs.replay import ReplayReport, replay
    from robot.logs.replay_folder import EXIT_STATUS, write_report

    say(f"replaying {config.log}")
    started = time.perf_counter()
    try:
        report = replay(config.log)
    except RefusedLog as refusal:
        report = ReplayReport.refused(refusal.outcome, str(refusal))
    if config.junit is not None:
        write_report(config.junit, config.log, {config.log: (report, time.perf_counter() - started)})
    if report.outcome == "equal":
        say(f"equal: {report.ticks} ticks, {report.speed:.0f} times faster than real time")
    else:
        say(f"robot replay: {report.reason}" if EXIT_STATUS[report.outcome] == 2 else report.reason)
    finish(msgspec.to_builtins(report), as_json)
    return EXIT_STATUS[report.outcome]


def replay_perception(config: ReplayConfig, as_json: bool) -> int:
    """What a run's camera saw, encoded again."""
    require("cv2")
    from robot.logs.mcap_file import RefusedLog
    from robot.logs.replay_folder import EXIT_STATUS
    from robot.perception.recompute import PerceptionReport, recompute

    if config.junit is not None:
        raise ValueError(f"--junit: found {config.junit}, allowed: nothing with --perception")
    try:
        report = recompute(config.log)
    except RefusedLog as refusal:
        report = PerceptionReport(refusal.outcome, False, 0, 0, None, str(refusal))
    if report.outcome == "equal":
        say(f"equal: {report.frames} pictures")
    else:
        say(f"robot replay: {report.reason}" if EXIT_STATUS[report.outcome] == 2 else report.reason)
    finish(msgspec.to_builtins(report), as_json)
    return EXIT_STATUS[report.outcome]
