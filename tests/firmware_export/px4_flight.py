"""An exported module of PX4 in flight: PX4's clock, topics and mixer, and a drone's body, around it."""

import ctypes
import math
import shutil
from pathlib import Path

import numpy as np

from drivers.emulators.crazyflie_body import E_Q_W, E_V_X, E_X, GYRO_X, Body
from firmware_export.flying import full_thrust_n
from sim.quadrotor.model import M_0, Z, load_parameters

MODE, HOLD = 23, 4  # nav_state: that the commander gave, and PX4's own
DOWN = np.array(
    [1.0, -1.0, -1.0]
)  # north, west, up to north, east, down, and forward, left, up to forward, right, down
MOTORS = ("front right", "back left", "front left", "back right")  # 1 to 4 of the Generic Quadcopter X
ROTORS = ("front right", "back right", "back left", "front left")  # of the simulator


def floats(numbers: np.ndarray) -> ctypes.c_void_p:
    """For C; the array has to live on."""
    assert numbers.dtype == np.float32 and numbers.flags.c_contiguous
    return ctypes.c_void_p(numbers.ctypes.data)


def turned(angle_rad: float, vector: np.ndarray) -> np.ndarray:
    """(3,), about the third axis."""
    (x, y, z), cosine, sine = vector, math.cos(angle_rad), math.sin(angle_rad)
    return np.array([cosine * x - sine * y, sine * x + cosine * y, z])


class Px4:
    """A module that has been started, of its own: the library's state is this object's alone."""

    def __init__(self, library: Path, folder: Path) -> None:
        own = folder / f"{len(list(folder.glob('*.so')))}.so"
        shutil.copy(library, own)
        self.c = ctypes.CDLL(str(own))
        self.c.stub_thrust_model.argtypes = [ctypes.c_float]
        self.us = 1_000_000
        self.position_m, self.velocity_m_s = np.zeros(3, np.float32), np.zeros(3, np.float32)
        self.attitude, self.rate_rad_s = np.array([1.0, 0.0, 0.0, 0.0], np.float32), np.zeros(3, np.float32)
        self.valid, self.tells_attitude = True, True
        words = (ctypes.c_char_p * 2)(b"mc_policy", b"start")
        self.started = self.c.mc_policy_main(2, words)

    def run(self, period_us: int = 2500) -> None:
        """The next of the gyroscope's samples."""
        self.us += period_us
        self.c.stub_position(floats(self.position_m), floats(self.velocity_m_s), self.valid)
        if self.tells_attitude:
            self.c.stub_attitude(floats(self.attitude))
        self.c.stub_rate(ctypes.c_uint64(self.us), floats(self.rate_rad_s))

    def join(self) -> None:
        """Ask for a mode, and get one."""
        self.c.stub_status(HOLD, True, False)
        self.run()
        self.c.stub_grant(MODE)
        self.run()

    def reset(self, moved_m: np.ndarray, turned: np.ndarray) -> None:
        """The estimator sets its estimate elsewhere: (3,), NED, and by a quaternion (4,)."""
        self.c.stub_reset(floats(moved_m), floats(turned))

    def choose(self, mode: int = MODE, armed: bool = True, landed: bool = False) -> None:
        self.c.stub_status(mode, armed, landed)
        self.run()

    def motors(self) -> tuple[int, np.ndarray]:
        """How often they were told, and what: thrusts (12,)."""
        control = np.zeros(12, np.float32)
        return self.c.stub_motors(floats(control)), control

    def thrust(self) -> tuple[int, np.ndarray]:
        """How often the land detector was told of a thrust, and of which: (3,), forward, right, down."""
        xyz = np.zeros(3, np.float32)
        return self.c.stub_thrust(floats(xyz)), xyz

    def command(self) -> tuple[int, int, float]:
        """How many, and the newest's number and first parameter."""
        number, parameter = ctypes.c_uint32(), ctypes.c_float()
        times = self.c.stub_command(ctypes.byref(number), ctypes.byref(parameter))
        return times, number.value, parameter.value

    def may_run(self, request: int = 7) -> tuple[bool, bool]:
        """What it answers the commander: whether it can run, and whether it keeps the vehicle from being armed."""
        self.c.stub_ask(request)
        self.run()
        return self.answered(request)

    def answered(self, request: int) -> tuple[bool, bool]:
        """The newest answer, which is one to that request."""
        runs, prevents = ctypes.c_bool(), ctypes.c_bool()
        assert self.c.stub_answer(ctypes.byref(runs), ctypes.byref(prevents)) == request
        return runs.value, prevents.value


class Px4Flight(Px4):
    """A drone that hovers a metre up when the mode is chosen. thrust_model: THR_MDL_FAC."""

    def __init__(
        self, library: Path, folder: Path, quadrotor: str, yaw_rad: float = 0.0, thrust_model: float = 0.0
    ) -> None:
        super().__init__(library, folder)
        self.quadrotor, self.thrust_model = load_parameters(quadrotor), thrust_model
        self.moved_m, self.turned_rad, self.reset_at_m = np.zeros(3), 0.0, np.zeros(3)
        self.c.stub_thrust_model(thrust_model)
        self.body = Body(self.quadrotor, np.random.default_rng(0), noise=0.0)
        self.body.put(0.0, 0.0, 1.0, yaw_rad)
        self.body.state[M_0:] = self.quadrotor.hover_speed()
        self.forces = np.full(4, self.body.hover_force())
        for _ in range(20):  # as long as the estimate is old
            self.body.step(self.forces)
            self.body.state[Z] = 1.0
        self.join()
        self.see()
        self.choose()

    def see(self) -> None:
        """What PX4 knows of the body."""
        estimate = self.body.estimate
        place, speed = DOWN * estimate[E_X : E_X + 3], DOWN * estimate[E_V_X : E_V_X + 3]
        self.position_m[:] = self.moved_m + turned(self.turned_rad, place - self.reset_at_m) + self.reset_at_m
        self.velocity_m_s[:] = turned(self.turned_rad, speed)
        w, x, y, z = estimate[E_Q_W], *(DOWN * estimate[E_Q_W + 1 : E_Q_W + 4])
        cosine, sine = math.cos(0.5 * self.turned_rad), math.sin(0.5 * self.turned_rad)
        self.attitude[:] = cosine * w - sine * z, cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w
        self.rate_rad_s[:] = DOWN * np.radians(self.body.sensors[GYRO_X : GYRO_X + 3])

    def fly(self, seconds: float) -> np.ndarray:
        """Go on for a while; returns where the drone really was, each millisecond: (n, 3), m, north, west, up."""
        positions = np.empty((round(1000 * seconds), 3))
        for k, place in enumerate(positions):
            if k % 2 == 0:
                self.see()
                self.run(2000)
            self.mix()
            self.body.step(self.forces)
            place[:] = self.body.state[:3]
        return positions

    def reset_estimate(self, moved_m: tuple[float, float, float], turned_rad: float) -> None:
        """The estimator finds that north is elsewhere, and so is the drone: (3,), NED."""
        self.moved_m, self.turned_rad, self.reset_at_m = np.array(moved_m), turned_rad, self.position_m.astype(float)
        by = np.array([math.cos(0.5 * turned_rad), 0.0, 0.0, math.sin(0.5 * turned_rad)], np.float32)
        self.reset(self.moved_m.astype(np.float32), by)

    def mix(self) -> None:
        """From thrusts to the commands of the motors (FunctionMotors), and what the rotors there make of them."""
        thrusts, f = self.motors()[1][:4].astype(float), self.thrust_model
        commands = thrusts if f == 0.0 else (np.sqrt((1 - f) ** 2 + 4 * f * thrusts) - (1 - f)) / (2 * f)
        of = dict(zip(MOTORS, commands, strict=True))
        speeds, q = np.array([of[rotor] for rotor in ROTORS]), self.quadrotor
        self.forces[:] = (q.thrust_0_n + speeds * (q.thrust_1_n + speeds * q.thrust_2_n)) / full_thrust_n(q)
