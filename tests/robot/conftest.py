"""A made-up run of practice, for whatever reads runs: a demonstration lap, laps that get faster, two collisions."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot.logs.writer import LogWriter
from robot.robots.car.records import OUTPUTS, READINGS, RECORDS
from robot.robots.car.setup import PipelineSetup
from robot.runtime.events import make_event
from robot.runtime.run_folder import setup_path
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place

TICK_S = 0.02
YARDSTICK_S, DEMONSTRATION_M_S = 5.8, 1.5


def make_run(folder: Path, track: str = "oval", laps: int = 12, log: str = "log.mcap") -> Path:
    """Write the log and summary.json of a run on a built-in track; lap k is driven at its own speed and line."""
    rng = np.random.default_rng(3)
    course = built_in(track)
    packed = course.packed()
    outputs: list[np.ndarray] = []
    events = [make_event("start", 1, 0.0, life=1)]
    practice_s = 0.0
    count = {"collisions": 0, "recoveries": 0}
    lap_times = []
    for lap in range(-1, laps):
        mean = DEMONSTRATION_M_S if lap < 0 else course.length_m / (YARDSTICK_S * (1.05 + 1.1 * np.exp(-lap / 2.5)))
        amplitude = 0.05 if lap < 0 else 0.45 * (1 - np.exp(-lap / 3))
        phase = rng.uniform(-0.4, 0.4)
        s, started, crash_at = 0.0, practice_s, course.length_m * 0.6 if lap in (1, 3) else np.inf
        while s < course.length_m:
            practice_s += TICK_S if lap >= 0 else 0.0
            row = int(s / course.spacing_m) % len(course.x)
            bend = np.clip(np.abs(course.curvature[row]), 0, 0.6)
            speed = mean if lap < 0 else mean * (1.25 - 0.9 * bend)
            lateral = amplitude * np.sin(2 * np.pi * s / course.length_m * 3 + phase) + rng.normal(0, 0.01)
            x, y, yaw = place(packed, course.spacing_m, s, lateral)
            out = np.zeros((), OUTPUTS)
            out["life"], out["tick"] = 1, len(outputs) + 1
            out["time_s"] = TICK_S * len(outputs)
            out["practice_s"] = practice_s
            believed = out["estimate"]
            believed["x"], believed["y"], believed["yaw"], believed["v_x"], believed["s"] = x, y, yaw, speed, s
            believed["lateral"], believed["quality"] = lateral, 0.97
            out["figures"]["demo_lap_s"] = 23.7 if lap >= 0 else 0.0
            out["reward"] = 0.1 * speed**2 / 3 if len(outputs) % 5 == 0 else 0.0
            out["is_decision"] = len(outputs) % 5 == 0
            out["overrides"] = 4 * max(lap, 0)
            if s > crash_at:
                crash_at = np.inf
                for kind, name in (("collision", "collisions"), ("recovery", "recoveries")):
                    count[name] += 1
                    fields = {"practice_s": practice_s, "x": float(x), "y": float(y)}
                    fields |= {"duration_s": 3.1, "succeeded": True} if kind == "recovery" else {}
                    events.append(make_event(kind, len(outputs) + 1, TICK_S * len(outputs), **fields))
            out["figures"]["collisions"], out["figures"]["recoveries"] = count["collisions"], count["recoveries"]
            outputs.append(out)
            s += speed * TICK_S
        if lap >= 0:
            lap_times.append(practice_s - started)
            events.append(make_event("lap", len(outputs), TICK_S * len(outputs), practice_s=practice_s,
                                     lap_s=lap_times[-1], clean=lap not in (1, 3), baseline=False))  # fmt: skip
    records = np.stack(outputs)
    readings = np.zeros(len(records), READINGS)
    readings["life"], readings["tick"], readings["time_s"] = 1, records["tick"], records["time_s"]
    readings["lateness_s"] = rng.lognormal(-9.5, 0.6, len(records))
    readings["weights_age_s"] = rng.uniform(0, 0.3, len(records))
    readings["weights_version"] = records["tick"] // 50
    folder.mkdir(parents=True, exist_ok=True)
    with LogWriter(folder / log, RECORDS, 1) as writer:
        writer.add_events(np.stack(events))
        for start in range(0, len(records), 25):
            writer.add_readings(readings[start : start + 25])
            writer.add_outputs(records[start : start + 25])
            writer.flush()
    (folder / "summary.json").write_text(json.dumps({"yardstick_lap_s": YARDSTICK_S}))
    setup = PipelineSetup(seed=0, practice_s=600.0, laps=0, explore=True, predictive_brake=True, demonstrate=True,
                          keyboard=False, car=np.zeros(3), layers=(50, 64, 64, 4), weights=np.zeros(1, np.float32),
                          grid=None, course=course)  # fmt: skip
    setup_path(folder, 1).write_bytes(setup.to_bytes())
    (folder / "config.toml").write_text(f'task = "race_track"\ntrack = "{track}"\nclock = "realtime"\n')
    return folder


@pytest.fixture(scope="session")
def made_up_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up run on the oval."""
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def make_made_up_run() -> Callable[..., Path]:
    return make_run
