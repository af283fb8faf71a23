"""The benchmark of the control loop, with sessions of a second."""

from pathlib import Path

import numpy as np

from robot.bench import loop
from robot.logs.writer import LogWriter, next_part
from robot.robots.car.records import READINGS, RECORDS
from robot.runtime.events import make_event


def test_late_and_skipped_ticks_are_counted_in_a_log_that_begins_without_a_tick(tmp_path: Path) -> None:
    readings = np.zeros(3, READINGS)
    readings["tick"], readings["missed_ticks"], readings["lateness_s"] = [0, 1, 4], [0, 0, 2], [1e-4, 2e-4, 3e-4]
    with LogWriter(next_part(tmp_path), RECORDS, 1) as log:
        log.add_events(make_event("start", 0, 0.0)[None])
        log.flush()
        log.add_readings(readings)
    lateness_s, skipped = loop.timing_of(tmp_path)
    assert (lateness_s.tolist(), skipped) == ([1e-4, 2e-4, 3e-4], 2)


def test_sessions_with_and_without_the_learner_are_measured() -> None:
    figures = loop.run(seconds=1.0, pairs=1)
    assert figures["ticks"] >= 40
    assert 0.0 < figures["late_p50_us"] <= figures["late_p99_us"] <= figures["late_p999_us"]
    assert figures["extra_misses_per_1000"] <= figures["misses_per_1000"]
