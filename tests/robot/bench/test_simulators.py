"""Every simulator begins where it is told, hovers when asked to, and one that is not installed is named."""

from dataclasses import replace

import numpy as np
import pytest

from policies.policy_file import EVERY_KIND, load_policy
from robot.bench import simulators
from robot.bench.l2f_conventions import airframes
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from robot.robots.quadrotor.training.first_order import drawn_starts
from robot.tasks import hover
from sim.quadrotor.model import STEP_S, load_parameters
from sim.quadrotor.reference import ReferenceQuadrotor, rotation

PLAIN = replace(
    load_parameters("crazyflie_t350"), drag_across_n_s_m=0.0, drag_along_n_s_m=0.0, battery_sag_v_n=0.0,
)  # fmt: skip
N = 64


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    return drawn_starts(hover.STARTS, N, np.random.default_rng(1))


def pilot() -> Recurrent:
    policy = load_policy(simulators.POLICY, kinds=EVERY_KIND)
    return Recurrent(policy.weights, policy.layers)  # type: ignore[arg-type]


def test_rotations_are_those_of_the_attitudes(states: np.ndarray) -> None:
    found = simulators.rotations(states)
    assert found[3] == pytest.approx(rotation(states[3, 3:7]))


def test_ours_goes_on_from_the_states_that_it_is_given(states: np.ndarray) -> None:
    speeds = np.random.default_rng(2).uniform(0.2, 0.9, (N, 4))
    after = simulators.Ours(PLAIN, states, pilot()).step(speeds)
    one = ReferenceQuadrotor(PLAIN, states[5])
    one.step((2.0 * speeds[5] - 1.0).astype(np.float32))
    assert after[5] == pytest.approx(one.state[: simulators.SEES], abs=1e-4)


def test_pybullets_crazyflie_weighs_and_lifts_as_its_file_says() -> None:
    drone = airframes(simulators.AIRFRAMES)[simulators.PYBULLET]
    assert 4.0 * drone.thrust_2_n / (drone.mass_kg * 9.8) == pytest.approx(2.25, rel=1e-4)
    assert drone.arm_x_m * np.sqrt(2.0) == pytest.approx(0.0397, rel=1e-4)
    assert drone.torque_per_thrust_m == pytest.approx(7.94e-12 / 3.16e-10, rel=1e-4)


def test_who_is_not_installed_is_named_and_ours_flies_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)
    monkeypatch.setattr(simulators, "CRAZYFLOW", {"crazyflie_t350": "cf2x_T350"})
    monkeypatch.setattr(simulators, "FLIGHTS", N)
    figures = simulators.table()
    assert set(figures) == {
        "crazyflie_t350, ours",
        "cf2x, ours",
        "crazyflow, not installed",
        "gym_pybullet_drones, not installed",
    }
    assert figures["crazyflie_t350, ours"]["survival"] > 0.95 and figures["cf2x, ours"]["error_median_m"] < 0.02
    assert figures["crazyflow, not installed"] == "pip install crazyflow"


@pytest.mark.parametrize("theirs", ["crazyflow", "gym_pybullet_drones"])
def test_theirs_turns_and_rises_as_ours_does(theirs: str, states: np.ndarray) -> None:
    """Rotors, axes and signs: after 50 ms both have turned and gone the same way."""
    pytest.importorskip(theirs)
    speeds = np.random.default_rng(3).uniform(0.3, 0.9, (N, 4))
    if theirs == "crazyflow":
        quadrotor, other = load_parameters("crazyflie_t350"), simulators.Crazyflow("cf2x_T350", states)
    else:
        quadrotor, other = airframes(simulators.AIRFRAMES)["cf2x"], simulators.PyBullet(states)  # type: ignore[assignment]
    ours = simulators.Ours(quadrotor, states, pilot())
    for _ in range(round(0.05 / STEP_S)):
        a, b = ours.step(speeds), other.step(speeds)
    turned = (a - states[:, : simulators.SEES])[:, 10:13], (b - states[:, : simulators.SEES])[:, 10:13]
    for axis in range(3):
        assert np.corrcoef(turned[0][:, axis], turned[1][:, axis])[0, 1] > 0.98
    assert np.abs(a[:, :3] - b[:, :3]).max() < 0.01
