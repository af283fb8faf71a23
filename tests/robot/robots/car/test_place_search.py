"""The pipeline's search of the map: in small steps, said aloud, and given up."""

import json

import numpy as np

from policies.actor import actor_layers, initial_weights
from robot.robots.car.mind import Pipeline
from robot.robots.car.place_search import GIVE_UP_S, SAY_EVERY_S
from robot.robots.car.records import READINGS, Phase
from robot.robots.car.setup import PipelineSetup
from robot.tasks.race_track import task
from sim.car.model import load_parameters
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in


def setup(told: tuple[float, float, float] | None) -> PipelineSetup:
    course = built_in("oval")
    layers = actor_layers(task.OBSERVATION_SIZE, task.ACTION_SIZE)
    return PipelineSetup(
        seed=1, practice_s=60.0, laps=0, explore=False, predictive_brake=True, demonstrate=True, keyboard=False,
        car=load_parameters().packed(), layers=layers, weights=initial_weights(layers, np.random.default_rng(0), 0.6),
        grid=rasterise(course), course=course, told=told,
    )  # fmt: skip


def test_a_told_pose_travels_with_the_setup() -> None:
    whole = setup((1.0, -2.0, 0.5))
    assert PipelineSetup.from_bytes(whole.to_bytes()).told == (1.0, -2.0, 0.5)
    assert PipelineSetup.from_bytes(setup(None).to_bytes()).told is None


def test_a_search_without_success_is_said_and_given_up() -> None:
    pipeline = Pipeline(setup((1.0, -2.0, 0.5)))
    readings = np.zeros((), READINGS)  # a standing car whose lidar turns and sees nothing
    readings["motor"]["up"] = readings["lidar"]["up"] = 1
    told = []
    for tick in range(1, round((GIVE_UP_S + 10.0) / task.TICK_S)):
        readings["tick"], readings["time_s"], readings["lidar"]["revolution"] = tick, tick * task.TICK_S, tick // 5
        pipeline.tick(readings)
        told += [(tick * task.TICK_S, kind, fields) for kind, fields in pipeline.events]
        if pipeline.phase is Phase.DONE:
            break
    said = [(when, fields["text"]) for when, kind, fields in told if kind == "not_found"]
    assert said[0][0] < 4.0 and np.diff([when for when, _ in said]).min() >= SAY_EVERY_S
    assert all("0 points a revolution" in text and "--start X Y YAW_DEG" in text for _, text in said)
    (failure,) = [fields for _, kind, fields in told if kind == "failure"]
    assert "was not found on the map within 9" in failure["reason"] and "--start" in failure["reason"]
    assert pipeline.phase is Phase.DONE and pipeline.outputs["finished"]
    json.dumps(told)
