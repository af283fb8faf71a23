"""The simulator that explains a flight: what the drone really is comes out, as far as its log can tell."""

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import Body
from robot.robots.quadrotor.practising.fit import Fitted, fit
from robot.robots.quadrotor.practising.samples import SAMPLE, load_samples, save_samples
from sim.quadrotor.model import load_parameters

BELIEVED = load_parameters("crazyflie_2_1")
SIGNS = np.array([[-1, -1, -1], [-1, 1, 1], [1, 1, -1], [1, -1, 1]]).T  # what roll, pitch and yaw ask of each rotor


def flight(
    seconds: float = 6.0, latency_ms: int = 0, seed: int = 0, noise: float = 0.0, **factors: float
) -> np.ndarray:
    """SAMPLEs of a drone that is held level, and shaken."""
    rng = np.random.default_rng(seed)
    body = Body(
        BELIEVED.scaled(**factors), np.random.default_rng(seed), noise, start=(0.0, 0.0, 0.0), rotors=(1.0,) * 4
    )
    body.put(0.0, 0.0, 5.0, 0.0)
    for _ in range(200):
        body.step(np.full(4, body.hover_force()))
    forces, waiting, samples, shaken = np.full(4, body.hover_force()), [], [], np.zeros(3)
    for ms in range(round(1000 * seconds)):
        if ms % 10 == 0:
            if ms % 100 == 0:
                shaken = rng.uniform(-1.0, 1.0, 3) * (0.05, 0.05, 0.0)
            turn, rate = 2.0 * body.state[4:7], body.state[10:13]
            lift = body.hover_force() + 0.2 * (5.0 - body.state[2]) - 0.2 * body.state[9]
            forces = np.clip(lift + SIGNS.T @ (shaken - 0.15 * turn - 0.03 * rate), 0.0, 1.0)
        waiting.append(forces)
        body.step(waiting[max(0, ms - latency_ms)])
        if ms % 10 == 3:
            sample = np.zeros((), SAMPLE)
            sample["board_time_s"], sample["decided_s"], sample["active"] = 0.001 * (ms + 1), 0.001 * (ms - 3), 1
            sample["forces"], sample["rate_rad_s"] = forces, np.radians(body.sensors[:3])
            sample["attitude"], sample["velocity_m_s"] = body.state[3:7], body.state[7:10]
            samples.append(sample)
    return np.array(samples)


def fitted(samples: np.ndarray) -> Fitted:
    found = fit([samples], BELIEVED)
    assert found is not None
    return found


@pytest.mark.parametrize("mass", [0.85, 1.15])
def test_a_drone_of_another_mass_is_found(mass: float) -> None:
    assert fitted(flight(mass=mass)).mass == pytest.approx(mass, rel=0.02)


@pytest.mark.parametrize(("inertia", "motor_delay", "latency_ms"), [(1.0, 1.0, 10), (1.3, 1.0, 0), (0.8, 0.8, 8)])
def test_inertia_motor_delay_and_latency_are_found(inertia: float, motor_delay: float, latency_ms: int) -> None:
    found = fitted(flight(inertia=inertia, motor_delay=motor_delay, latency_ms=latency_ms))
    assert found.inertia == pytest.approx(inertia, rel=0.25)
    assert found.motor_delay == pytest.approx(motor_delay, rel=0.25)
    assert found.inertia * found.motor_delay == pytest.approx(inertia * motor_delay, rel=0.15)  # what its turning needs
    assert 1000 * found.latency_s == pytest.approx(latency_ms + 3, abs=7)  # and the gyroscope's filter
    assert found.unexplained < 0.05


def test_a_rotor_that_pushes_less_is_a_torque() -> None:
    samples = flight()
    samples["forces"] *= np.array([1.0, 1.0, 1.02, 1.02])  # the left ones need more for the same
    roll_n_m = fitted(samples).torque_n_m[0]
    thrust_n = 0.25 * BELIEVED.mass_kg * 9.81
    assert roll_n_m == pytest.approx(-2 * 0.02 * thrust_n * BELIEVED.arm_y_m, rel=0.3)


def test_what_is_lost_on_the_way_changes_little() -> None:
    samples = flight(inertia=1.2)
    whole, some = fitted(samples), fitted(samples[np.random.default_rng(1).random(len(samples)) > 0.05])
    assert some.inertia == pytest.approx(whole.inertia, rel=0.1) and some.mass == pytest.approx(whole.mass, rel=0.02)


def test_a_flight_that_is_too_short_tells_nothing() -> None:
    samples = flight(seconds=0.5)
    assert fit([samples], BELIEVED) is None
    samples["active"] = 0
    assert fit([samples], BELIEVED) is None


def test_samples_are_read_as_they_were_written(tmp_path) -> None:
    samples = flight(seconds=0.5)
    save_samples(tmp_path / "flight-0001.npz", samples)
    assert load_samples(tmp_path / "flight-0001.npz").tobytes() == samples.tobytes()
    data = bytearray((tmp_path / "flight-0001.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flight-0001.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"flight-0001\.npz"):
        load_samples(tmp_path / "flight-0001.npz")
