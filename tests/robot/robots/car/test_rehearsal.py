"""The drive in thought before the first tick really drives: a car that only stood would compile its brake on the road."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.actor import initial_weights
from robot.robots.car import rehearsal
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import Phase
from robot.robots.car.safety_drive import start
from robot.robots.car.setup import PipelineSetup
from robot.safety.supervisor import Mode
from robot.tasks import find_task
from sim.car.model import load_parameters
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in


def test_decisions_are_made_and_braked_while_it_rehearses(monkeypatch: pytest.MonkeyPatch) -> None:
    course, layers = built_in("oval"), find_task("race_track").layers()
    setup = PipelineSetup(
        seed=0, practice_s=600.0, laps=0, explore=True, predictive_brake=True, demonstrate=True, keyboard=False,
        baseline_laps=2, car=load_parameters().packed(), layers=layers,
        weights=initial_weights(layers, np.random.default_rng(0), 0.6), grid=rasterise(course), course=course,
        trim_rad=0.0, latency_s=0.0, demo_lap_s=0.0, proved=False, practice_done_s=0.0, step=0, episode=0,
    )  # fmt: skip
    seen: set[tuple[Phase, int, bool]] = set()
    tick = Pipeline.tick

    def noting(pipeline: Pipeline, readings: np.ndarray) -> object:
        phase, done = pipeline.phase, tick(pipeline, readings)
        seen.add((phase, int(pipeline.outputs["mode"]), bool(pipeline.outputs["is_decision"])))
        return done

    monkeypatch.setattr(Pipeline, "tick", noting)
    rehearsal.rehearse(setup)
    assert (Phase.PRACTISE, Mode.RUN, True) in seen
    assert (Phase.FINISH, Mode.RUN, False) in seen
    assert any(mode == Mode.RECOVER for _, mode, _ in seen)


@pytest.mark.parametrize("mapless", [False, True])
def test_a_rehearsal_comes_to_its_end(tmp_path: Path, mapless: bool) -> None:
    drive = start("oval", 1, None, 1.0, True, tmp_path)
    setup = drive.pipeline.setup
    drive.close()
    rehearsal.rehearse(replace(setup, course=None, grid=None) if mapless else setup)
