"""`robot safety`: break things while a virtual robot practises, and see that it stops or goes on as designed."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robot.cli.output import finish, parse
from robot.views.say import say
from sim.input_files import with_article

if TYPE_CHECKING:
    from pathlib import Path

    from robot.safety.campaign.stops.stops import Stop
    from robot.safety.campaign.trials import SafetyTrials

REAL_TIME_SHARE = 0.1  # of --stops
TELL_EVERY_S = 20.0


@dataclass(frozen=True)
class SafetyConfig:
    """Cables out, sensors frozen, walls put up, processes killed: a campaign on a virtual robot, in real time.

    With --stops it is stopped in every way and at any moment instead, the car on four tracks, with hidden cars, on floors
    of 0.4 to 1.2 of the nominal grip; the Crazyflie of each kind, with every positioning system, in every phase of a
    flight: nine of ten times in lockstep, the whole stack in one process; one of ten times
    real processes in real time, stopped by signals, kills and hang-ups. Ctrl-C, or a time limit's SIGTERM, ends either; the
    last line then has the figures so far. The run of a session in which a stop went wrong is kept, for `robot replay`.
    """

    task: str = ""
    """What it practises meanwhile: a task of `robot tasks`, which says which robot; otherwise the first of the robot's."""
    robot: str = ""
    """Which one is tried: `virtual-car`, `virtual-camera-car`, `virtual-crazyflie`, `virtual-arm`, `virtual-camera-arm`; otherwise that of the task, which is race_track."""
    track: str = "default"
    """Where the car practises: a built-in track."""
    kills: int = 3
    """How often to kill each process (learner, recorder, control, device, a guardian), at random moments."""
    stops: int = 0
    """Stop it so many times, and count what it touched; a drone: how often it came down faster than 1 m/s."""
    without_repairs: bool = False
    """With --stops: stop unverified, with one guardian within the terminal's reach, to see that this would show."""
    seed: int = 0
    start_from: str = "shipped"
    """`shipped`, `scratch`, or a run: the policy that drives."""

    def __post_init__(self) -> None:
        if not 0 <= self.kills <= 25:
            raise ValueError(f"--kills: found {self.kills}, allowed: 0 to 25")
        if self.stops < 0:
            raise ValueError(f"--stops: found {self.stops}, allowed: 0 or more")
        if self.without_repairs and not self.stops:
            raise ValueError("--without-repairs: found without --stops, allowed: with it")
        if self.stops and (self.track, self.kills, self.start_from) != ("default", 3, "shipped"):
            raise ValueError("--track, --kills, --from: found with --stops, allowed: without it")


def main(arguments: list[str]) -> int:
    config, as_json = parse(SafetyConfig, "safety", arguments)
    return stop_robot(config, as_json) if config.stops else break_things(config, as_json)


def tried(config: SafetyConfig) -> tuple[str, "SafetyTrials"]:
    """The task, and what its robot brings. Raises ValueError for a robot that is not tried, or does other tasks."""
    from robot.safety.campaign.trials import find_trials, tried_robots
    from robot.tasks import DEFAULT_TASK, find_task, tasks_of

    if not config.robot:
        task = config.task or DEFAULT_TASK
        return task, find_trials(find_task(task).robot)
    kinds = tried_robots()
    if config.robot not in kinds:
        raise ValueError(f"--robot: found '{config.robot}', allowed: {', '.join(kinds)}")
    kind = kinds[config.robot]
    tasks = tasks_of(kind)
    if config.task and config.task not in tasks:
        raise ValueError(f"--task: found '{config.task}', allowed with --robot {config.robot}: {', '.join(tasks)}")
    return config.task or tasks[0], find_trials(kind).of(config.robot)


def stop_robot(config: SafetyConfig, as_json: bool) -> int:
    """Run `robot safety --stops N`."""
    from robot.safety.campaign.stops.lockstep_stops import lockstep_stops
    from robot.safety.campaign.stops.process_stops import process_stops
    from robot.safety.campaign.stops.stop_figures import figures_of, rows_of
    from robot.safety.campaign.stops.stops import Stop

    task, trials = tried(config)
    stops = trials.stops
    if stops is None:
        raise ValueError(f"--stops: found with --task {task}, allowed: with one whose robot brings stops")
    real = max(1, round(REAL_TIME_SHARE * config.stops)) if stops.lockstep else config.stops
    in_lockstep = config.stops - real
    say(f"{config.stops} stops: {in_lockstep} in lockstep, then {real} of real processes in real time")
    verified = not config.without_repairs
    lockstep: list[Stop] = []
    processes: list[Stop] = []
    complete = False
    try:
        with ending_in_order():
            lockstep_stops(
                stops, trials.moving_m_s, in_lockstep, config.seed, progress(in_lockstep, lockstep), verified
            )
            process_stops(
                trials,
                stops,
                task,
                real,
                config.seed,
                progress(real, processes),
                keep_run if verified else forget,
                verified,
            )
        complete = True
    finally:  # whatever ended it: hours of stops are not to be lost
        for row in rows_of(lockstep, processes):
            say(row)
        figures = figures_of(lockstep, processes, stops.counted) | {"complete": complete}
        figures["as_promised"] &= complete
        finish(figures, as_json)
    return 0 if figures["as_promised"] else 1


def keep_run(run: "Path") -> None:
    """Keep the run of a session in which something went wrong: `robot replay` decides its log again."""
    import shutil
    from pathlib import Path

    from robot.runtime.run_folder import new_run_folder

    folder = new_run_folder(Path("runs"), "safety", "stop")
    shutil.copytree(run, folder, dirs_exist_ok=True)
    say(f"  its run is kept: {folder}")


def forget(run: "Path") -> None:
    """Of a session without repairs nobody is surprised that it goes wrong."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does."""

    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def progress(count: int, made: list["Stop"]) -> Callable[["Stop"], None]:
    """Keeps every stop in `made`, tells of those that did not go as they should, and now and then how much is left."""
    begin_s = told_s = time.monotonic()

    def report(stop: "Stop") -> None:
        nonlocal told_s
        made.append(stop)
        done = len(made)
        if stop.impact_m_s is not None or stop.spun or not stop.ended or stop.left_behind:
            say(f"  {stop}")
        now_s = time.monotonic()
        if now_s - told_s > TELL_EVERY_S or done == count:
            told_s = now_s
            left_s = (now_s - begin_s) / done * (count - done)
            say(f"  {done} of {count} stops, {left_s / 60.0:.0f} min left")

    return report


def break_things(config: SafetyConfig, as_json: bool) -> int:
    """Run `robot safety` without --stops."""
    from pathlib import Path

    from robot.practice.practice import find_practice
    from robot.safety.campaign.campaign import Outcome, Trial, run_campaign
    from robot.tasks import find_task

    task, trials = tried(config)
    if not trials.faults:
        raise ValueError(
            f"--stops: found 0, allowed with {with_article(find_task(task).robot)}, whose faults are stops: 1 or more"
        )
    say(f"{'fault':<28} {'throttle at zero':>17} {'mode':<9} {'reason':<16} {'drives again':>13}  as designed")

    def report(trial: Trial) -> None:
        zero = "-" if trial.zero_throttle_ms is None else f"{trial.zero_throttle_ms:.0f} ms"
        back = "never" if trial.back_after_s is None else f"{trial.back_after_s:.1f} s"
        say(f"{trial.fault:<28} {zero:>17} {trial.mode or '-':<9} {trial.reason or '-':<16} {back:>13}  "
            f"{'yes' if trial.as_designed else 'NO'}")  # fmt: skip

    options = find_practice(find_task(task).robot).options
    asked: dict[str, Any] = {"track": config.track} if config.track != "default" else {}
    if config.robot and hasattr(options, "robot"):
        asked["robot"] = config.robot
    if "track" in asked and not hasattr(options, "track"):
        raise ValueError(f"--track: found with --task {task}, allowed: with a task that has tracks")
    practice = options(task=task, start_from=config.start_from, clock="realtime", seed=config.seed, **asked)
    outcome, complete = Outcome(), False
    try:
        with ending_in_order():
            run_campaign(trials, practice, config.kills, Path("runs"), report, outcome)
        complete = True
    finally:
        figures = outcome.figures() | {"complete": complete}
        figures["as_designed"] &= complete
        say(f"transitions {figures['transitions']}, lost {figures['transitions_lost']}, "
            f"damaged segments {figures['transitions_damaged']}")  # fmt: skip
        finish(figures, as_json)
    return 0 if figures["as_designed"] else 1
