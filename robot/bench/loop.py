"""How well the control loop keeps time: real sessions in real time, with the learner and without, in pairs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from policies.policy_file import PolicyFile
from robot.logs.reader import LogReader
from robot.practice.session import Session
from robot.practice.start import starting_policy
from robot.robots.car.options import CarOptions
from robot.robots.car.practising import PractisingCar
from robot.robots.car.progress import CarProgress
from robot.runtime.run_folder import new_run_folder, save_config
from sim.scratch_folder import scratch_folder

SECONDS = 30.0
PAIRS = 2
DEMONSTRATED = CarProgress(demo_lap_s=20.0, latency_s=0.06)  # skip the demonstration: it is no part of the question


def run(seconds: float = SECONDS, pairs: int = PAIRS) -> dict[str, Any]:
    """Lateness of ticks with the learner beside, and what the learner adds to the misses.

    A miss is a tick that was skipped because the one before it ended too late.
    """
    config = CarOptions(clock="realtime", minutes=seconds / 60.0)
    policy = starting_policy(config)
    late_s, missed, ticks = [], {True: 0, False: 0}, {True: 0, False: 0}
    with scratch_folder("robot-bench") as root:
        for pair in range(pairs):
            for learning in (True, False) if pair % 2 else (False, True):
                lateness, skipped = drive(config, policy, learning, root)
                ticks[learning] += len(lateness) + skipped
                missed[learning] += skipped
                if learning:
                    late_s.append(lateness)
    p50, p99, p999 = 1e6 * np.percentile(np.concatenate(late_s), (50, 99, 99.9))
    rate = {learning: 1000.0 * missed[learning] / ticks[learning] for learning in ticks}
    return {
        "ticks": ticks[True],
        "late_p50_us": round(p50, 1),
        "late_p99_us": round(p99, 1),
        "late_p999_us": round(p999, 1),
        "misses_per_1000": round(rate[True], 3),
        "extra_misses_per_1000": round(rate[True] - rate[False], 3),
    }


def drive(config: CarOptions, policy: PolicyFile, learning: bool, root: Path) -> tuple[np.ndarray, int]:
    """One session. Returns the lateness of every tick, s, and how many ticks were skipped."""
    folder = new_run_folder(root, "race_track", "bench")
    save_config(folder, config)
    progress = CarProgress(demo_lap_s=DEMONSTRATED.demo_lap_s, latency_s=DEMONSTRATED.latency_s)
    with Session(config, folder, PractisingCar(config), policy, learning=learning, progress=progress) as session:
        while session.poll():
            time.sleep(0.05)
        if session.failure:
            raise RuntimeError(session.failure)
    return timing_of(folder)


def timing_of(run: Path) -> tuple[np.ndarray, int]:
    """By a run's log: the lateness of every tick, s, and how many ticks were skipped."""
    readings = LogReader(run).contents(("lateness_s", "missed_ticks")).readings
    return readings["lateness_s"], int(readings["missed_ticks"][-1])
