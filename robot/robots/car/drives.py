"""Drives of a car that are no practice: a policy for some laps, and the demonstration alone."""

from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import write_bytes_atomically
from robot.practice.run import run_session
from robot.practice.session import Session
from robot.practice.start import starting_policy
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes, gates, load_course
from robot.robots.car.options import CarOptions
from robot.robots.car.practice import begin
from robot.robots.car.progress import CarProgress
from robot.robots.car.world import world_of
from robot.runtime.run_folder import new_run_folder, save_config


def evaluate(config: CarOptions, laps: int, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot evaluate`: the policy alone, for a number of laps."""
    policy, car, progress = starting_policy(config), begin(config), CarProgress()
    folder = new_run_folder(root, config.task, "evaluation")
    save_config(folder, config)
    yardstick_s = car.best_possible()
    session = Session(config, folder, car, policy, learning=False, episodes=laps, progress=progress)
    wall_s = run_session(session, yardstick_s)
    times = [round(lap["lap_s"], 3) for lap in progress.episodes]
    clean = [lap["lap_s"] for lap in progress.episodes if lap["clean"]]
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
        "collisions": progress.true_collisions if car.body.virtual else len(progress.collisions),
        "wall_s": round(wall_s, 1),
    }


def demonstrate(config: CarOptions, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot demo`: the demonstration lap alone, and the course that it leaves behind."""
    policy, car, progress = starting_policy(config), begin(config), CarProgress()
    folder = new_run_folder(root, config.task, "demo")
    save_config(folder, config)
    session = Session(config, folder, car, policy, learning=False, progress=progress, practice_s=0.0)
    run_session(session, None)
    path = folder / COURSE_FILE
    if progress.demo_lap_s and not config.mapless:
        world = world_of(config)
        write_bytes_atomically(path, [course_bytes(world.course, world.grid)])
    course = load_course(path)[0] if path.exists() else None
    return {
        "run": str(folder),
        "failure": session.failure,
        "interrupted": session.stop_level > 0,
        "demo_lap_s": round(progress.demo_lap_s, 3) or None,
        "trim_rad": round(progress.trim_rad, 4),
        "latency_s": round(progress.latency_s, 4),
        "course": str(path) if course else None,
        "length_m": round(course.length_m, 2) if course else None,
        "gates": len(gates(course)) if course else None,
        "collisions": progress.true_collisions if car.body.virtual else len(progress.collisions),
        "transitions": progress.step,
    }
