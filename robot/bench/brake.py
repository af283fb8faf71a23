"""What the predictive brake costs: in decisions of drives with the shipped policy, and in a stop's ticks, microseconds."""

import time
from typing import Any

import numpy as np

from robot.robots.car.safety_drive import start
from robot.robots.car.shield.predictive_brake import AS_PROPOSED, MARGIN_M, carry_on, filter_action, plan_stop
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.tasks.race_track.task import TICKS_PER_DECISION
from sim.scratch_folder import scratch_folder
from sim.tracks.built_in_tracks import BUILT_IN

SECONDS_EACH = 25.0
WARM_S = 4.0


def run(seconds: float = SECONDS_EACH) -> dict[str, Any]:
    """Mean, p99 and worst, us, of a decision, of a stop's tick, and of the plan that every tick leaves; per tick of all."""
    decisions, stops, plans = [], [], []
    changed = 0
    for number, track in enumerate(BUILT_IN):
        with scratch_folder("robot-bench") as folder:
            drive = start(track, number, None, 1.0, True, folder)
            pipeline = drive.pipeline
            while drive.time_s < seconds:
                drive.tick()
                course, fallback, place = pipeline.place.course, pipeline.fallback, pipeline.place
                if drive.time_s < WARM_S or course is None or not place.known:
                    continue
                around = (place.at, pipeline.sent, place.packed, course.spacing_m, fallback.obstacles, fallback.cars,
                          fallback.latency_s)  # fmt: skip
                kept, out = fallback.kept.copy(), np.zeros(2)
                if pipeline.is_decision:
                    a0, a1 = pipeline.decisions.proposed.astype(float).tolist()
                    begin = time.perf_counter_ns()
                    reason = filter_action(a0, a1, *around, MARGIN_M, kept, out)
                    decisions.append(time.perf_counter_ns() - begin)
                    changed += reason != AS_PROPOSED
                begin = time.perf_counter_ns()
                carry_on(*around, MARGIN_M, kept, out)
                stops.append(time.perf_counter_ns() - begin)
                plan = np.zeros((50, 4))
                begin = time.perf_counter_ns()
                plan_stop(NOTICED_TICKS, *around, MARGIN_M, kept, plan)
                plans.append(time.perf_counter_ns() - begin)
            drive.vesc.close()
            drive.lidar.close()
    figures: dict[str, Any] = {"decisions": len(decisions), "changed": round(changed / len(decisions), 4)}
    for name, taken_ns in (("decision", decisions), ("stop_tick", stops), ("plan", plans)):
        taken_us = 1e-3 * np.array(taken_ns)
        figures[f"{name}_mean_us"] = round(float(taken_us.mean()), 1)
        figures[f"{name}_p99_us"] = round(float(np.percentile(taken_us, 99)), 1)
        figures[f"{name}_worst_us"] = round(float(taken_us.max()), 1)
    figures["per_tick_us"] = round(figures["decision_mean_us"] / TICKS_PER_DECISION + figures["plan_mean_us"], 1)
    return figures
