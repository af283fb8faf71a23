"""A whole session for a person: from the options to the figures, the picture and the run's folder."""

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from robot.cli.output import say
from robot.demonstration.course_from_lap import gates, load_course, save_course
from robot.demonstration.keyboard import Keyboard, KeyboardDriver
from robot.plots import plot_run
from robot.practice.best_policy import best_median_s
from robot.practice.progress import Progress, load_progress
from robot.practice.session import Session
from robot.practice.session_file import COURSE_FILE
from robot.practice.settings import PracticeConfig, load_config, new_run_folder, save_config
from robot.practice.show import initial_view, refresh
from robot.practice.start import World, about_loops, starting_policy, world_of
from robot.practice.summary import summarise
from robot.safety import predictive_brake
from robot.view.terminal import LiveView
from sim.car import hidden_car, load_parameters
from sim.yardstick import lookup_or_compute

POLL_S = 0.02
SAVE_EVERY_S = 2.0


def practise(config: PracticeConfig, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot practice`. Returns the figures of `--json`, with `failure` (empty if none) and `picture`."""
    config, folder, progress, policy = prepare(config, root)
    world = the_world(config)
    yardstick_s = best_possible_lap(config, world)
    say(f"run      {folder}")
    session = Session(config, folder, world, policy, progress=progress)
    wall_s = run_session(session, yardstick_s)
    figures = summarise(session.progress, best_median_s(session.folder), yardstick_s, session.robot.virtual, wall_s,
                        str(folder))  # fmt: skip
    figures["failure"] = session.failure
    write_bytes_atomically(folder / "summary.json", [json.dumps(figures, indent=1).encode()])
    figures["picture"] = str(plot_run(folder)) if session.ticks else None
    return figures


def evaluate(config: PracticeConfig, laps: int, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot evaluate`: the policy alone, for a number of laps."""
    policy = starting_policy(config)
    world = the_world(config)
    yardstick_s = best_possible_lap(config, world)
    folder = new_run_folder(root, config.task, "evaluation")
    save_config(folder, config)
    session = Session(config, folder, world, policy, learning=False, laps=laps)
    wall_s = run_session(session, yardstick_s)
    progress = session.progress
    times = [round(lap["lap_s"], 3) for lap in progress.laps]
    clean = [lap["lap_s"] for lap in progress.laps if lap["clean"]]
    median = float(np.median(clean)) if clean else None
    return {
        "run": str(folder),
        "laps": len(times),
        "clean_laps": len(clean),
        "lap_times_s": times,
        "median_lap_s": round(median, 3) if median else None,
        "yardstick_lap_s": round(yardstick_s, 3) if yardstick_s else None,
        "median_ratio": round(median / yardstick_s, 4) if median and yardstick_s else None,
        "collisions": progress.true_collisions if session.robot.virtual else len(progress.collisions),
        "wall_s": round(wall_s, 1),
    }


def demonstrate(config: PracticeConfig, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot demo`: the demonstration lap alone, and the course that it leaves behind."""
    world = the_world(config)
    folder = new_run_folder(root, config.task, "demo")
    save_config(folder, config)
    session = Session(config, folder, world, starting_policy(config), learning=False, demo_only=True)
    run_session(session, None)
    path = folder / COURSE_FILE
    if not config.mapless:
        save_course(path, world.course, world.grid)
    course = load_course(path)[0] if path.exists() else None
    progress = session.progress
    return {
        "run": str(folder),
        "demo_lap_s": round(progress.demo_lap_s, 3) or None,
        "trim_rad": round(progress.trim_rad, 4),
        "latency_s": round(progress.latency_s, 4),
        "course": str(path) if course else None,
        "length_m": round(course.length_m, 2) if course else None,
        "gates": len(gates(course)) if course else None,
        "transitions": progress.step,
    }


def prepare(config: PracticeConfig, root: Path) -> tuple[PracticeConfig, Path, Progress, PolicyFile]:
    """The run's folder and what is known before the start: new, or as an earlier session left it."""
    if not config.resume:
        policy = starting_policy(config)
        folder = new_run_folder(root, config.task, "practice")
        save_config(folder, config)
        return config, folder, Progress(), policy
    folder = Path(config.resume)
    earlier = load_config(folder)
    progress = load_progress(folder)
    done_min = progress.practice_s / 60.0
    minutes = config.minutes if config.minutes > done_min else config.minutes + done_min
    say(f"going on after {done_min:.1f} robot minutes and {progress.step} transitions, up to {minutes:.1f} minutes")
    return (
        replace(earlier, minutes=minutes, clock=config.clock, resume=config.resume),
        folder,
        progress,
        starting_policy(earlier),
    )


def the_world(config: PracticeConfig) -> World:
    """The world to drive in; says what of a map is driven."""
    if config.map:
        say(f"map      {config.map}: finding its course; the first time, that takes seconds")
    world = world_of(config)
    for line in filter(None, [about_loops(world, config.loop)]):
        say(f"map      {line}")
    return world


def best_possible_lap(config: PracticeConfig, world: World) -> float | None:
    """The yardstick of the virtual car's own parameters on this course, s; None on a real robot."""
    if config.robot != "virtual-car":
        return None
    car = load_parameters()
    if config.hidden_seed is not None:
        car = hidden_car(config.hidden_seed, car)
    return lookup_or_compute(world.course, car).lap_s


def run_session(session: Session, yardstick_s: float | None) -> float:
    """Run a session to its end, in view of a person. Returns the wall time of the session's work, s."""
    if not any((Path(predictive_brake.__file__).parent / "__pycache__").glob("*.nbi")):
        say("compiling the kernels, once on this machine: a minute, or a few on a busy one")
    by_hand = session.config.demonstration == "keyboard"
    keyboard = Keyboard(sys.stdin.fileno()) if by_hand else contextlib.nullcontext()
    hand = KeyboardDriver()
    with keyboard, LiveView(initial_view(session, yardstick_s or 0.0)) as view, session, stop_on_signal(session):
        started = saved = time.monotonic()
        while session.poll():
            if isinstance(keyboard, Keyboard):
                for key in keyboard.read():
                    hand.press(key, time.monotonic())
                session.steer(*hand.command(time.monotonic()))
            refresh(view, session)
            if time.monotonic() - saved > SAVE_EVERY_S:
                session.save_progress()
                saved = time.monotonic()
            time.sleep(POLL_S)
        refresh(view, session)
        return time.monotonic() - started


@contextlib.contextmanager
def stop_on_signal(session: Session) -> Iterator[None]:
    """Ctrl-C or SIGTERM: the first brings the car to rest and saves, the second is an emergency stop."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        session.request_stop(2 if session.stop_level else 1)
        say("emergency stop" if session.stop_level == 2 else "stopping the car, then saving; once more: emergency stop")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
