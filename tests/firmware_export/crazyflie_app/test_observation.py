"""What the policy sees on board, and what its action means."""

import math

import numpy as np
import pytest

from firmware_export.compilers import shared_library
from firmware_export.crazyflie_app import STUBS, app_sources, build_for_host
from firmware_export.flying import full_thrust_n
from robot.robots.quadrotor.app_of_run import write_app_of_run
from robot.tasks import hover, track_trajectory
from sim.quadrotor.model import load_parameters
from tests.firmware_export.app_flight import put
from tests.firmware_export.crazyflie_app.bench import (
    DRONE,
    ONE,
    POLICIES,
    ZERO,
    Bench,
    forces_of,
    put_state,
    some_state,
    turned,
)


@pytest.mark.parametrize("seed", range(5))
def test_the_policy_sees_what_it_saw_in_the_simulator(apps, seed):
    bench = Bench(apps["hover"])
    bench.app.parameters["policy.tiltDeg"].value = 180.0
    state = some_state(seed)
    put_state(bench, state, np.array([0.7, -0.4, 1.1]))
    np.testing.assert_allclose(bench.first_forces(), forces_of(hover, turned(state)), atol=2e-6)


@pytest.mark.parametrize("time_s", [0.0, 0.37, 1.99, 7.5])
def test_on_a_path_it_sees_the_moving_set_point_and_what_lies_ahead(apps, time_s):
    bench = Bench(apps["track_trajectory"])
    bench.first_forces()
    for _ in range(round(time_s * 1000) - 1):
        bench.step()
    path = track_trajectory.figure_of_eight()
    target = [float(x) for x in track_trajectory.set_point(path, ZERO, ONE, time_s)[0]]
    bench.step()
    assert [bench.app.logs[f"policy.{axis}"].value for axis in "xyz"] == pytest.approx(target, abs=1e-5)


def test_at_the_beginning_of_a_path_the_decision_is_the_simulator_s(apps):
    bench = Bench(apps["track_trajectory"])
    state = some_state(1)
    state[3:7] = 0.9, 0.3, math.sqrt(1.0 - 0.9**2 - 0.3**2), 0.0  # its heading is the world's x
    put_state(bench, state, np.array([-0.3, 0.2, 0.9]))
    expected = forces_of(track_trajectory, state, 0.0, track_trajectory.figure_of_eight())
    np.testing.assert_allclose(bench.first_forces(), expected, atol=2e-6)


def test_a_set_point_far_away_looks_like_one_at_half_a_metre(apps):
    bench = Bench(apps["hover"])
    decisions = []
    for x in (0.5, 2.0, 50.0):
        bench.setpoint.position.x = x
        decisions.append(bench.first_forces())
    np.testing.assert_array_equal(decisions[0], decisions[1])
    np.testing.assert_array_equal(decisions[0], decisions[2])


def test_forces_are_newtons_over_what_the_firmware_takes_for_one(apps):
    bench = Bench(apps["hover"])
    as_trained = bench.first_forces()
    bench.app.parameters["policy.fullN"].value *= 2.0
    np.testing.assert_allclose(bench.first_forces(), as_trained / 2.0, rtol=1e-6)
    bench.app.parameters["policy.fullN"].value = 1e-3
    np.testing.assert_array_equal(bench.first_forces(), 1.0)


def test_another_drone_gets_the_newtons_of_the_one_the_policy_was_trained_for(apps, tmp_path):
    write_app_of_run(POLICIES / "hover.npz", tmp_path, "crazyflie_2_1_brushless")
    build_for_host(tmp_path)
    trained, flown = load_parameters(DRONE), load_parameters("crazyflie_2_1_brushless")
    newtons = Bench(apps["hover"]).first_forces() * full_thrust_n(trained)
    np.testing.assert_allclose(Bench(tmp_path).first_forces() * full_thrust_n(flown), newtons, rtol=1e-6)
    assert "CONFIG_PLATFORM_CF21BL=y" in (tmp_path / "app-config").read_text()


@pytest.mark.parametrize(("compensates", "full_n"), [(True, 0.1125), (False, full_thrust_n(load_parameters(DRONE)))])
def test_where_the_firmware_holds_thrusts_one_is_its_greatest(apps, tmp_path, compensates, full_n):
    option = "#define CONFIG_ENABLE_THRUST_BAT_COMPENSATED 1\n" if compensates else ""
    (tmp_path / "platform_defaults.h").write_text(f"#pragma once\n{option}#define THRUST_MAX 0.1125f\n")
    sources = [*app_sources(apps["hover"]), STUBS / "stub_host.c"]
    shared_library(sources, tmp_path / "app.so", include=[STUBS, apps["hover"] / "src", tmp_path])
    assert Bench(tmp_path).app.parameters["policy.fullN"].value == pytest.approx(full_n)


def test_it_decides_a_hundred_times_a_second_from_the_step_it_is_armed_in(apps):
    bench = Bench(apps["hover"])
    bench.step()
    bench.app.parameters["policy.arm"].value = 1
    forces = []
    for k in range(40):
        put(bench.state.velocity, (0.01 * k, 0.0, 0.0))
        forces.append(bench.step())
    changes = np.flatnonzero(np.any(np.diff(forces, axis=0), axis=1)) + 1
    np.testing.assert_array_equal(changes, [10, 20, 30])
    assert bench.app.logs["policy.decisions"].value == 4
