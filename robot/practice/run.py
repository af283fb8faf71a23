"""A whole session for a person: from the options to the figures, the picture and the run's folder."""

import sys
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from robot.practice.best_policy import best_median_s
from robot.practice.interruptions import listening
from robot.practice.progress import Progress, load_progress
from robot.practice.run_lock import RunLock
from robot.practice.session import Session
from robot.practice.settings import PracticeConfig, load_config, own_settings, resumed
from robot.practice.show import initial_view, refresh
from robot.practice.start import starting_policy
from robot.practice.summary import summarise
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes, gates, load_course
from robot.robots.car.demonstration.keyboard import Keyboard, KeyboardDriver
from robot.robots.car.plots import plot_run
from robot.robots.car.shield import predictive_brake
from robot.robots.car.world import World, about_loops, true_car, world_of
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import new_run_folder, save_config, still_there
from robot.views.patient_output import patient_stderr
from robot.views.say import say
from robot.views.terminal import LiveView
from sim.car.yardstick import lookup_or_compute

POLL_S = 0.02
SAVE_EVERY_S = 2.0
TELL_EVERY_S = 10.0


def practise(config: PracticeConfig, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot practice`. Returns the figures of `--json`, with `failure` (empty if none) and `picture`."""
    lock = RunLock(Path(config.resume)) if config.resume and (Path(config.resume) / "config.toml").is_file() else None
    config, folder, progress, policy = prepare(config, root)
    world = the_world(config)
    yardstick_s = best_possible_lap(config, world)
    say(f"run      {folder}")
    session = Session(config, folder, world, policy, progress=progress, lock=lock)
    wall_s = run_session(session, yardstick_s)
    figures = summarise(session.progress, best_median_s(session.folder), yardstick_s, session.robot.virtual, wall_s,
                        str(folder))  # fmt: skip
    figures["failure"] = session.failure
    still_there(folder)
    write_json(folder / "summary.json", figures)
    figures["picture"] = str(plot_run(folder)) if session.ticks else None
    return figures


def evaluate(config: PracticeConfig, laps: int, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot evaluate`: the policy alone, for a number of laps."""
    policy = starting_policy(config)
    world = the_world(config)
    folder = new_run_folder(root, config.task, "evaluation")
    save_config(folder, config)
    yardstick_s = best_possible_lap(config, world)
    session = Session(config, folder, world, policy, learning=False, laps=laps)
    wall_s = run_session(session, yardstick_s)
    progress = session.progress
    times = [round(lap["lap_s"], 3) for lap in progress.laps]
    clean = [lap["lap_s"] for lap in progress.laps if lap["clean"]]
    median = float(np.median(clean)) if clean else None
    return {
        "run": str(folder),
        "failure": session.failure,
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
    progress = session.progress
    if progress.demo_lap_s and not config.mapless:
        write_bytes_atomically(path, [course_bytes(world.course, world.grid)])
    course = load_course(path)[0] if path.exists() else None
    return {
        "run": str(folder),
        "failure": session.failure,
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
    config = resumed(config, load_config(folder))
    progress = load_progress(folder)
    done_min = progress.practice_s / 60.0
    minutes = config.minutes if config.minutes > done_min else config.minutes + done_min
    own = own_settings(config)
    say(f"going on after {done_min:.1f} robot minutes and {progress.step} transitions, up to {minutes:.1f} minutes"
        f"{f', with the {own} that it began with' if own else ''}")  # fmt: skip
    return replace(config, minutes=minutes), folder, progress, starting_policy(config)


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
    car, told_s = true_car(config), time.monotonic()

    def tell(share: float) -> None:
        nonlocal told_s
        if time.monotonic() - told_s > TELL_EVERY_S:
            told_s = time.monotonic()
            say(f"computing the best possible lap of this course, once: {100.0 * share:.0f} %")

    return None if car is None else lookup_or_compute(world.course, car, progress=tell).lap_s


def run_session(session: Session, yardstick_s: float | None) -> float:
    """Run a session to its end, in view of a person. Returns the wall time of the session's work, s."""
    if not any((Path(predictive_brake.__file__).parent / "__pycache__").glob("*.nbi")):
        say("compiling the kernels, once on this machine: a minute, or a few on a busy one")
    by_hand = session.config.demonstration == "keyboard"
    keyboard = Keyboard(sys.stdin.fileno()) if by_hand else None
    hand = KeyboardDriver()
    with ExitStack() as stack:
        interruptions = stack.enter_context(listening(session))
        output = stack.enter_context(patient_stderr())
        if keyboard is not None:
            stack.enter_context(keyboard)
        view = stack.enter_context(LiveView(initial_view(session, yardstick_s or 0.0)))
        stack.enter_context(session)
        started = saved = time.monotonic()
        while session.poll():
            interruptions.act()
            if output is not None and output.gone and not session.stop_level:
                session.request_stop()  # nobody sees any more what happens
            if interruptions.suspending:
                interruptions.bring_to_rest()
                if interruptions.suspending:
                    with view.paused(), keyboard.paused() if keyboard else nullcontext():
                        interruptions.suspend()
                session.hold(False)
            if keyboard is not None:
                for key in keyboard.read():
                    hand.press(key, time.monotonic())
                session.steer(*hand.command(time.monotonic()))
            refresh(view, session)
            if time.monotonic() - saved > SAVE_EVERY_S:
                save(session)
                saved = time.monotonic()
            time.sleep(POLL_S)
        refresh(view, session)
        return time.monotonic() - started


def save(session: Session) -> None:
    """Save what was reached so far; where that fails, the car is brought to rest and the session ends in order."""
    try:
        session.save_progress()
    except OSError as error:
        session.fail(str(error))
