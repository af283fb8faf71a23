"""`robot replay`: the same decisions again, byte for byte, from a log or a folder of logs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import tyro

from robot.cli.output import finish, parse, say

if TYPE_CHECKING:
    from robot.logs.replay import Difference


@dataclass(frozen=True)
class ReplayConfig:
    """Feed a log's readings to the same program, and compare everything that it decides with what the log says.

    Exit status 0: equal. 1: the first difference is named. 2: the log cannot be replayed (a gap, another version).
    """

    log: Annotated[Path, tyro.conf.Positional]
    """A run's folder, or a log.mcap wherever it lies; or a folder of runs, for which a JUnit report is written."""
    junit: Path = Path("replay.xml")
    """Where the report of a folder of runs goes."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(ReplayConfig, "replay", arguments)
    from robot.logs.replay import replay, replay_folder
    from robot.logs.setups import pipeline_for

    if not config.log.exists():
        raise ValueError(f"{config.log}: no such file or folder")
    if config.log.is_file() or (config.log / "log.mcap").exists():
        say(f"replaying {config.log}")
        report = replay(config.log, lambda life: pipeline_for(config.log, life))
        say(told(report.first_difference) if report.first_difference else
            f"equal: {report.ticks} ticks, {report.speed:.0f} times faster than real time")  # fmt: skip
        finish(msgspec.to_builtins(report), as_json)
        return 0 if report.equal else 1
    results = replay_folder(config.log, pipeline_for, config.junit)
    for path, result in results.items():
        say(f"{path}: {result if isinstance(result, ValueError) else told(result.first_difference) or 'equal'}")
    equal = all(not isinstance(result, ValueError) and result.equal for result in results.values())
    finish(
        {
            "equal": equal,
            "logs": len(results),
            "ticks": sum(0 if isinstance(result, ValueError) else result.ticks for result in results.values()),
            "junit": str(config.junit),
        },
        as_json,
    )
    return 0 if equal else 1


def told(difference: "Difference | None") -> str:
    """A difference in words; empty for none."""
    if difference is None:
        return ""
    return f"differs first at tick {difference.tick}, {difference.field}: logged {difference.logged}, replayed {difference.replayed}"
