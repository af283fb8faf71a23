import math

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import ACC_X, ACC_Z, E_PITCH, E_Q_W, E_ROLL, E_YAW, E_Z, GYRO_X, GYRO_Z, Body
from sim.quadrotor.model import CRAZYFLIES, load_parameters


def body(noise: float = 0.0, quadrotor: str = "crazyflie_2_1", seed: int = 0, **start) -> Body:
    return Body(load_parameters(quadrotor), np.random.default_rng(seed), noise, **start)


def run(drone: Body, duration_s: float, *forces: float) -> None:
    for _ in range(round(1000 * duration_s)):
        drone.step(np.array(forces or (0.0,) * 4))


def test_a_standing_drone_feels_one_g_and_stays():
    drone = body(start=(1.0, 2.0, 0.5))
    run(drone, 0.5)
    assert drone.state[:3].tolist() == [1.0, 2.0, 0.0]
    assert drone.sensors[ACC_X : ACC_Z + 1] == pytest.approx([0.0, 0.0, 1.0])
    assert drone.estimate[E_YAW] == pytest.approx(math.degrees(0.5))


def test_a_falling_drone_feels_nothing_and_comes_to_rest():
    drone = body()
    drone.put(0.0, 0.0, 2.0, 0.0)
    run(drone, 0.3)
    assert drone.state[2] == pytest.approx(2.0 - 0.5 * 9.4 * 0.09, abs=0.03)  # rotors at rest still lift a little
    assert abs(drone.sensors[ACC_Z]) < 0.2
    run(drone, 1.0)
    assert drone.state[2] == 0.0
    assert not drone.state[7:13].any()


@pytest.mark.parametrize("quadrotor", CRAZYFLIES)
@pytest.mark.parametrize("battery", [0.95, 1.05])
def test_the_hover_force_carries_the_drone_whatever_the_battery(quadrotor: str, battery: float):
    drone = Body(load_parameters(quadrotor).scaled(battery=battery), np.random.default_rng(0), noise=0.0)
    drone.put(0.0, 0.0, 5.0, 0.0)
    hover = drone.hover_force()
    run(drone, 3.0, *(hover,) * 4)
    before = drone.state[9]
    run(drone, 1.0, *(hover,) * 4)
    assert abs(drone.state[9] - before) < 0.2  # it fell while the rotors started; now drag alone slows it


def test_a_drone_on_its_back_stays_as_it_lies():
    drone = body()
    drone.put(0.0, 0.0, 0.3, 0.0, roll_rad=math.pi)
    run(drone, 1.0)
    assert drone.sensors[ACC_Z] == pytest.approx(-1.0)
    assert abs(drone.estimate[E_ROLL]) == pytest.approx(180.0)


# Rotors m1 to m4 stand clockwise from the front right; m1 and m3 turn so that more of them turns the body clockwise.
@pytest.mark.parametrize(
    ("stronger", "axis", "sign"),
    [((0, 1), 0, -1), ((2, 3), 0, 1), ((0, 3), 1, -1), ((1, 2), 1, 1), ((0, 2), 2, -1), ((1, 3), 2, 1)],
)
def test_rotors_are_where_the_firmware_has_them(stronger: tuple[int, int], axis: int, sign: int):
    drone = body()
    drone.put(0.0, 0.0, 5.0, 0.0)
    forces = np.full(4, 0.6)
    forces[list(stronger)] += 0.1
    run(drone, 0.1, *forces)
    rates = drone.sensors[GYRO_X : GYRO_Z + 1]
    assert np.argmax(np.abs(rates)) == axis
    assert np.sign(rates[axis]) == sign


def test_pitch_is_positive_nose_up_but_the_gyro_is_not_turned():
    drone = body()
    drone.put(0.0, 0.0, 5.0, 0.0)
    run(drone, 0.15, 0.7, 0.6, 0.6, 0.7)
    assert drone.estimate[E_PITCH] > 1.0
    assert drone.sensors[GYRO_X + 1] < -10.0  # deg/s about the y axis to the left
    w, _, y, _ = drone.estimate[E_Q_W : E_Q_W + 4]
    assert math.degrees(2.0 * math.atan2(y, w)) == pytest.approx(-drone.estimate[E_PITCH])


def test_the_estimate_is_of_a_few_milliseconds_ago():
    drone = body()
    drone.put(0.0, 0.0, 5.0, 0.0)
    heights = []
    for _ in range(300):
        heights.append(drone.state[2])
        run(drone, 0.001)
    assert drone.estimate[E_Z] == pytest.approx(heights[-5], abs=1e-9)


def test_the_seed_decides_the_errors():
    one, same, other = body(1.0, seed=1), body(1.0, seed=1), body(1.0, seed=2)
    for drone in (one, same, other):
        run(drone, 0.1)
    assert (one.estimate == same.estimate).all()
    assert (one.estimate != other.estimate).any()


def test_a_push_accelerates():
    drone = body()
    drone.put(0.0, 0.0, 9.0, 0.0)
    drone.push(0.0322, 0.0, 0.0)
    run(drone, 0.1)
    assert drone.state[7] == pytest.approx(0.1, abs=0.01)  # 1 m/s^2
