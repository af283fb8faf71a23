"""An app without a drone: one step at a time, of a state of one's own; and what it should decide.

The two policies of tests/recordings/policies were trained by `robot train --task hover` and `--task track_trajectory`.
"""

import math
from pathlib import Path

import numpy as np

from drivers.emulators.crazyflie_app import ABSOLUTE, FORCE, LEGACY, CrazyflieApp, SensorData, Setpoint, State
from firmware_export.flying import full_thrust_n
from robot.tasks.network_of_run import network_of_run
from sim.quadrotor.model import load_parameters
from tests.firmware_export.app_flight import put

POLICIES = Path(__file__).parents[2] / "recordings" / "policies"
DRONE = "crazyflie_2_0"
SELF_TEST, SETPOINT_OLD, SETPOINT_KIND, NOT_FINITE, TILT, RATE, POSITION, PARAMETER = range(1, 9)
ONE, ZERO = np.uintp(1), np.uintp(0)


class Bench:
    """An app without a drone: one step at a time, of a state of one's own."""

    def __init__(self, folder: Path) -> None:
        def level(control, setpoint, sensors, state, tick):
            control.controlMode, control.thrust = LEGACY, 1.0

        self.app = CrazyflieApp(folder / "app.so", level)
        self.app.init()
        self.setpoint, self.sensors, self.state, self.tick = Setpoint(), SensorData(), State(), 0
        self.setpoint.mode.x = self.setpoint.mode.y = self.setpoint.mode.z = ABSOLUTE
        self.state.attitudeQuaternion.w = 1.0

    def step(self) -> np.ndarray:
        self.tick += 1
        self.setpoint.timestamp = self.tick
        control = self.app.step(self.setpoint, self.sensors, self.state, self.tick)
        return np.array(control.normalizedForces) if control.controlMode == FORCE else np.full(4, np.nan)

    def first_forces(self) -> np.ndarray:
        """What the policy decides first, armed anew."""
        self.app.parameters["policy.arm"].value = 0
        self.step()
        self.app.parameters["policy.arm"].value = 1
        return self.step()


def some_state(seed: int) -> np.ndarray:
    """A tilted, moving drone as `sim.quadrotor.model` has it, without rotors: (13,)."""
    rng = np.random.default_rng(seed)
    state = np.concatenate([rng.uniform(-0.4, 0.4, 3), [1.0], 0.3 * rng.standard_normal(3), rng.standard_normal(6)])
    state[3:7] /= np.linalg.norm(state[3:7])
    return state


def put_state(bench: Bench, state: np.ndarray, origin: np.ndarray) -> None:
    """Tell the app of it, as the firmware would: degrees, x y z w, relative to a set-point elsewhere."""
    put(bench.setpoint.position, origin)
    put(bench.state.position, state[:3] + origin)
    put(bench.state.attitudeQuaternion, np.roll(state[3:7], -1))
    put(bench.state.velocity, state[7:10])
    put(bench.sensors.gyro, np.degrees(state[10:13]))


def turned(state: np.ndarray) -> np.ndarray:
    """The same state seen from a world whose x is the drone's heading."""
    w, _, _, z = state[3:7]
    c, s = (w * w - z * z) / (w * w + z * z), 2.0 * w * z / (w * w + z * z)
    about_z = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    half = -0.5 * math.atan2(s, c)
    h_w, h_z, (w, x, y, z) = math.cos(half), math.sin(half), state[3:7]
    q = [h_w * w - h_z * z, h_w * x - h_z * y, h_w * y + h_z * x, h_w * z + h_z * w]
    return np.concatenate([about_z @ state[:3], q, about_z @ state[7:10], state[10:13]])


def forces_of(task, state: np.ndarray, time_s: float = 0.0, path: np.ndarray | None = None) -> np.ndarray:
    """What the task's own functions and the network make of a state, as shares of the greatest thrust."""
    network = network_of_run(POLICIES / f"{task.__name__.rsplit('.', 1)[1]}.npz")
    drone = load_parameters(DRONE)
    memory = np.zeros(task.MEMORY_SIZE + network.inputs, np.float32)
    memory[task.MEMORY_SIZE + network.sensed :] = 2.0 * drone.hover_command() - 1.0
    if path is not None:
        memory[: task.MEMORY_SIZE] = path
    full_state = tuple(np.float32(x) for x in state) + (np.float32(0.0),) * 4
    task.observe(full_state, np.float32(time_s), memory, ZERO, np.uintp(task.MEMORY_SIZE), ONE)
    speed = 0.5 * (network.forward(memory[None, task.MEMORY_SIZE :])[0] + 1.0)
    return (drone.thrust_0_n + speed * (drone.thrust_1_n + speed * drone.thrust_2_n)) / full_thrust_n(drone)
