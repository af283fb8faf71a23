"""The policy of a run on the host: it sees what the drone logs, and sends what the firmware's rate controller takes.

A policy commands rotors, which no set-point does. So the host lets a model of the drone turn: what the rotors do by now,
lag included, and what angular rate comes of it. That rate is sent, with the thrust that was commanded; the firmware's
rate loop makes the drone turn as the model does. The policy is shown the model's rate, and the attitude that the drone
will have by the time it answers: log data are older than policies are trained for, and the gyro's would make it
oscillate.
"""

import math

import numpy as np

from drivers.crazyflie_reading import CrazyflieReading, Vector
from firmware_export.agreed import POSITION_ERROR_MAX_M
from policies.policy_file import PolicyFile
from robot.robots.quadrotor.drone import Drone
from robot.robots.quadrotor.fitness import all_below
from robot.robots.quadrotor.on_board import check_app
from robot.tasks import task_module
from sim.quadrotor.model import N_ROTORS, STEP_S, QuadrotorParameters, body_derivative, rotor_thrust, rotors_step

FOLLOW = 0.03  # share of the way to the drone's rate that the model's makes in a step, beside its own turning
LEAD_S = 0.025  # by which the rate controller lags
DELAY_S = 0.03  # from a measurement to the drone's answer
TILT_MAX_RAD, RATE_MAX_RAD_S, FENCE_M = math.radians(60.0), math.radians(1000.0), 3.0  # as on board
STALE_S = 0.2  # likewise, but here it is the drone's news that are missing
ONE, OWN = np.uintp(1), np.uintp(0)


class HostPolicy:
    """The policy of one run, decided here, a hundred times a second."""

    controller = 0  # that of the app, disarmed: the firmware's own inside it, and the app's landing
    checked, doubt = 0, ""  # it decides here
    tick_s = STEP_S

    def __init__(self, policy: PolicyFile, quadrotor: QuadrotorParameters, path: np.ndarray | None = None) -> None:
        """path: for a policy that tracks one, as `track_trajectory` has it; otherwise it hovers. Raises ValueError."""
        self._actor, self._task = policy.actor(), task_module(policy.metadata["task"])
        sensed = self._task.SPEC.observation_size
        self._history = (policy.inputs - sensed) // N_ROTORS
        if (policy.inputs, policy.actions) != (sensed + self._history * N_ROTORS, N_ROTORS) or self._history < 0:
            raise ValueError(
                f"policy: found layers {policy.layers}, allowed: {sensed} numbers seen and {N_ROTORS} of each past action; "
                f"{N_ROTORS} rotors commanded"
            )
        self._parameters = quadrotor.packed()
        self._hover_speed, self._hover_action = quadrotor.hover_speed(), 2.0 * quadrotor.hover_command() - 1.0
        self._full_thrust_n = N_ROTORS * float(rotor_thrust(1.0, self._parameters))
        self._path = np.zeros(0) if path is None else np.asarray(path, float)
        self._seen = np.zeros(len(self._path) + sensed)  # the path, then the observation
        self._seen[: len(self._path)] = self._path
        self._flies, self._why, self._began_s = False, "", 0.0
        self._reset()
        self._decide(CrazyflieReading(), (0.0, 0.0, 0.0), 0.0)  # compiles, while nothing flies yet
        self._reset()

    def _reset(self) -> None:
        self.decisions = 0
        self.observation = np.zeros(len(self._seen) - len(self._path), np.float32)
        self.action = np.zeros(N_ROTORS, np.float32)
        self._past = np.full((self._history, N_ROTORS), self._hover_action, np.float32)  # newest first
        self._memory = self._actor.initial_memory()
        self._rotors: tuple[float, ...] = (self._hover_speed,) * N_ROTORS
        self._rate = np.zeros(3)

    def hear(self, drone: Drone) -> None:
        """The policy on board does not fly."""

    def check(self, drone: Drone) -> None:
        """Any policy may be on board, but the app has to: it lands the drone when this computer dies."""
        self.controller = check_app(drone)

    def take_over(self, drone: Drone) -> None:
        reading = drone.read()
        self._reset()
        self._rate[:] = reading.rate_rad_s
        self._flies, self._why, self._began_s = True, "", reading.board_time_s

    def send(self, drone: Drone, reading: CrazyflieReading, set_point: Vector) -> Vector:
        """Decide, and send rates and thrust. Lets the firmware fly when the drone is where policies do not belong."""
        if why := fault_of(reading, set_point):
            self._flies, self._why = False, why
        if not self._flies:
            return drone.write(set_point, 0.0).position_m
        rate_rad_s, thrust = self._decide(reading, set_point, reading.board_time_s - self._began_s)
        drone.write_rates(rate_rad_s, thrust)
        return set_point

    def _decide(self, reading: CrazyflieReading, set_point: Vector, time_s: float) -> tuple[Vector, float]:
        """Rates, rad/s, body, and thrust as a share of the greatest."""
        limit = POSITION_ERROR_MAX_M if not len(self._path) else math.inf
        away = np.clip(np.subtract(reading.position_m, set_point), -limit, limit)
        state = (
            *away,
            *ahead(reading.attitude, self._rate, DELAY_S),
            *reading.velocity_m_s,
            *self._rate,
            *self._rotors,
        )
        self._task.observe(state, time_s, self._seen, OWN, np.uintp(len(self._path)), ONE)
        self.observation = self._seen[len(self._path) :].astype(np.float32)
        seen = np.concatenate([self.observation, self._past.ravel()])
        self.action, self._memory = self._actor.step(seen, self._memory)
        action = self.action
        self._past = np.concatenate([action[None], self._past])[: self._history]
        self.decisions += 1

        commands = tuple(0.5 * (float(a) + 1.0) for a in action)
        *_, mixed, self._rotors = rotors_step(self._rotors, commands, self._parameters, STEP_S)
        rate = tuple(self._rate)
        _, _, turning = body_derivative(reading.attitude, reading.velocity_m_s, rate, mixed, self._parameters, 1.0)
        self._rate += STEP_S * np.array(turning) + FOLLOW * (np.array(reading.rate_rad_s) - self._rate)
        lead = self._rate + LEAD_S * np.array(turning)
        # The real rotors have their own lag: thrust is sent as commanded.
        thrust_n = sum(float(rotor_thrust(command, self._parameters)) for command in commands)
        return (float(lead[0]), float(lead[1]), float(lead[2])), thrust_n / self._full_thrust_n

    def give_back(self, drone: Drone) -> None:
        self._flies = False

    def flies(self, reading: CrazyflieReading) -> bool:
        return self._flies

    def since_s(self, reading: CrazyflieReading) -> float:
        return self._began_s

    def why_not(self, reading: CrazyflieReading) -> str:
        return self._why


def fault_of(reading: CrazyflieReading, set_point: Vector) -> str:
    """What speaks against letting the policy fly; empty if nothing does."""
    _, x, y, _ = reading.attitude
    if not all_below(STALE_S, reading.position_age_s, reading.attitude_age_s, reading.rate_age_s):
        return f"no log data for {1000 * STALE_S:.0f} ms"
    if not 1.0 - 2.0 * (x * x + y * y) > math.cos(TILT_MAX_RAD):
        return "tilted too far"
    if not all_below(RATE_MAX_RAD_S, *map(abs, reading.rate_rad_s)):
        return "turning too fast"
    if not all_below(FENCE_M, *(abs(here - there) for here, there in zip(reading.position_m, set_point, strict=True))):
        return "outside of its fence"
    return ""


def ahead(attitude: tuple[float, ...], rate_rad_s: np.ndarray, time_s: float) -> tuple[float, ...]:
    """The attitude after turning at a constant rate, body, for a short time."""
    q_w, q_x, q_y, q_z = attitude
    h_x, h_y, h_z = (0.5 * time_s * float(rate) for rate in rate_rad_s)
    turned = (
        q_w - q_x * h_x - q_y * h_y - q_z * h_z,
        q_x + q_w * h_x + q_y * h_z - q_z * h_y,
        q_y + q_w * h_y + q_z * h_x - q_x * h_z,
        q_z + q_w * h_z + q_x * h_y - q_y * h_x,
    )
    length = math.sqrt(sum(q * q for q in turned))
    return tuple(q / length for q in turned)
