"""Tasks are found by their names, each declares itself, and to know their names costs nothing."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from policies.backup import set_point
from robot.runtime import joining
from robot.tasks import ENTRY_POINTS, find_task, hover, task_module, task_names


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_found_by_its_name(name: str) -> None:
    spec = find_task(name)
    assert (spec.name, spec.rate_hz * spec.decision_s) == (name, 1.0)
    assert spec.merit.name.endswith(f"_{spec.merit.unit}") and spec.episode


@pytest.mark.parametrize("name", ["race_track", "hover", "track_trajectory"])
def test_the_functions_and_the_declaration_are_of_one_size(name: str) -> None:
    module, spec = task_module(name), find_task(name)
    assert module.OBSERVATION_SIZE == spec.observation_size == list(spec.seen.values())[-1].stop
    assert spec.layers(past_actions=2)[0] == spec.observation_size + 2 * spec.action_size
    assert spec.layers()[-1] == 2 * spec.action_size  # means and deviations


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="--task: found 'juggle', allowed: race_track, hover, track_trajectory"):
        find_task("juggle")


def test_a_task_joins_through_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("joined", "robot.tasks.hover:SPEC", ENTRY_POINTS)
    monkeypatch.setattr(joining, "entry_points", lambda group: [point] if group == ENTRY_POINTS else [])
    assert task_names() == ["race_track", "hover", "track_trajectory", "peg_insert", "reach", "lift", "push",
                            "race_track_by_camera", "peg_insert_by_camera", "lift_by_camera", "joined"]  # fmt: skip
    assert find_task("joined") is hover.SPEC


def test_a_car_in_the_mirror_steers_the_other_way() -> None:
    spec = find_task("race_track")
    mirror = spec.mirror
    assert mirror is not None
    observation = np.arange(1.0, spec.observation_size + 1.0, dtype=np.float32)
    mirrored = observation[mirror.columns] * mirror.sign
    np.testing.assert_array_equal(mirrored[mirror.columns] * mirror.sign, observation)  # twice is not at all
    for name, expected in {
        "speed": [1.0], "yaw_rate": [-3.0], "last_action": [-6.0, 7.0], "room": [11.0, 10.0], "preview_0_x": [14.0],
        "preview_0_y": [-15.0], "widths_ahead": [35.0, 34.0], "curvature_ahead": [-46.0, -47.0],
    }.items():  # fmt: skip
        np.testing.assert_array_equal(mirrored[spec.seen[name]][:2], expected)
    np.testing.assert_array_equal(mirror.action_sign, [-1.0, 1.0])
    assert find_task("hover").mirror is None


def test_the_classical_controllers_see_the_first_fields_of_a_flight() -> None:
    for name in ("hover", "track_trajectory"):
        places = find_task(name).places("position_error", "rotation", "velocity_error", "angular_rate")
        assert places == (set_point.POSITION, set_point.ROTATION, set_point.VELOCITY, set_point.RATE)
        assert find_task(name).seen["angular_rate"].stop == set_point.N_SEEN


def test_the_names_import_nothing_heavy() -> None:
    code = "import sys, robot.tasks; robot.tasks.task_names(); assert not {'numpy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
