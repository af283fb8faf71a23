"""The simulator that explains a flight: mass, inertia, motor delay, latency, trim and steady force, from a drone's own log.

The rotors' thrusts follow from what was asked of them, by the believed thrust curve, a latency and the rotors' lag. Over latency
and lag all are tried; for each, inertia and trim are linear: the angular acceleration is the believed one times a factor, plus a
constant. Both sides pass the same filter (rates without their slow part, torques without their fast one), so that nothing is
differentiated and nothing drifts. Mass and force follow from the balance of the whole flight. Only thrust over mass can be told
in flight: the thrust is taken as believed.
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from robot.robots.quadrotor.practising.samples import SAMPLE
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, QuadrotorParameters

STEP_S = 0.001
FILTER_RATE_S = 10.0  # 1/s
SETTLE_S, LEAST_S = 0.2, 0.5  # left out at the beginning; needed after that
GAP_MS = 25  # nothing is known of a decision that is older
UNKNOWN_MS = 150  # how long that matters
LATENCIES_MS = range(0, 61, 2)
DELAYS = np.linspace(0.4, 1.8, 29)  # factors on the believed rotors' time constants
# A drone that sways at one frequency tells its gain and its lag there, not what they are made of. So what is far from what was
# believed has to explain more: as many independent looks as this, and how far drones are from their files, as logarithms.
LOOKS, SPREAD, LATENCY_S, LATENCY_SPREAD_S = 10.0, 0.25, 0.008, 0.01
INERTIA, MASS = (0.3, 3.0), (0.5, 2.0)  # factors that are believed


@dataclass(frozen=True)
class Fitted:
    """quadrotor: the one that explains the flights. factors on what was believed; latency_s until a decision shows in the gyro's
    (filtered) rates. unexplained: share of the rates' variance."""

    quadrotor: QuadrotorParameters
    mass: float
    inertia: float
    motor_delay: float
    latency_s: float
    torque_n_m: tuple[float, float, float]
    force_n: tuple[float, float, float]
    unexplained: float
    seconds: float

    def belief(self) -> dict[str, float]:
        """By names with units."""
        torques = {f"torque_{axis}_n_m": value for axis, value in zip("xyz", self.torque_n_m, strict=True)}
        forces = {f"force_{axis}_n": value for axis, value in zip("xyz", self.force_n, strict=True)}
        return {
            "mass_kg": self.quadrotor.mass_kg,
            "inertia_x_kg_m2": self.quadrotor.inertia_x_kg_m2,
            "motor_rise_s": self.quadrotor.motor_rise_s,
            "latency_s": self.latency_s,
            **torques,
            **forces,
            "unexplained": self.unexplained,
            "seconds": self.seconds,
        }  # fmt: skip


@njit(cache=True)
def follow(targets: np.ndarray, rise: float, fall: float, speeds: np.ndarray) -> None:
    """Rotor speeds (n, 4) a millisecond apart for the speeds that are asked for (n, 4); rise, fall: shares that they make up."""
    for rotor in range(targets.shape[1]):
        speed = targets[0, rotor]
        for k in range(targets.shape[0]):
            behind = targets[k, rotor] - speed
            speed += (rise if behind > 0.0 else fall) * behind
            speeds[k, rotor] = speed


@njit(cache=True)
def smooth(values: np.ndarray, keep: float, gain: float, out: np.ndarray) -> None:
    """First-order low-pass of columns (n, m): out = keep * out + gain * value."""
    for column in range(values.shape[1]):
        total = 0.0
        for k in range(values.shape[0]):
            total = keep * total + gain * values[k, column]
            out[k, column] = total


class Stretch:
    """One flight of the policy: the rotors' targets by the millisecond, and what was seen."""

    def __init__(self, samples: np.ndarray, believed: QuadrotorParameters) -> None:
        """samples: SAMPLE (n,), of the policy alone, in order, 10 ms apart but for what was lost."""
        begin_s = float(samples["decided_s"][0])
        at_ms = np.round(1000.0 * (samples["board_time_s"] - begin_s)).astype(int)
        decided_ms = np.round(1000.0 * (samples["decided_s"] - begin_s)).astype(int)
        n = int(at_ms[-1]) + 1
        newest = np.searchsorted(decided_ms, np.arange(n), "right") - 1
        self.targets = speed_for(samples["forces"], believed)[newest]
        lost = np.arange(n) - decided_ms[newest] > GAP_MS
        self.known = np.convolve(lost, np.ones(UNKNOWN_MS), "full")[:n] < 0.5
        self.at_ms, self.rates = at_ms, samples["rate_rad_s"]
        self.velocity_m_s, self.axis = samples["velocity_m_s"], thrust_axis(samples["attitude"])
        self.seconds = 0.001 * n
        self.filtered_rates = without_slow(at_ms, self.rates)
        self.used = self.known[at_ms] & (at_ms > 1000.0 * SETTLE_S) & (np.gradient(at_ms) < 2 * GAP_MS)

    def thrusts(self, believed: QuadrotorParameters, delay: float) -> np.ndarray:
        """Of each rotor, N, (ms, 4), if the rotors' time constants are `delay` times the believed ones."""
        speeds = np.empty_like(self.targets)
        rise, fall = (1.0 - np.exp(-STEP_S / (delay * s)) for s in (believed.motor_rise_s, believed.motor_fall_s))
        follow(self.targets, rise, fall, speeds)
        return believed.thrust_0_n + speeds * (believed.thrust_1_n + speeds * believed.thrust_2_n)


def speed_for(forces: np.ndarray, believed: QuadrotorParameters) -> np.ndarray:
    """Rotor speeds that give shares of the full thrust."""
    c_0, c_1, c_2 = believed.thrust_0_n, believed.thrust_1_n, believed.thrust_2_n
    root = np.sqrt(np.maximum(0.0, c_1 * c_1 - 4.0 * c_2 * (c_0 - forces * (c_0 + c_1 + c_2))))
    return np.clip((root - c_1) / (2.0 * c_2), 0.0, 1.0)


def thrust_axis(attitude: np.ndarray) -> np.ndarray:
    """Where the rotors push, world, (n, 3)."""
    w, x, y, z = attitude.T
    return np.stack([2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)], 1)


def without_slow(at_ms: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Rates (n, 3) less their low-pass, by the exact solution between samples that are joined by straight lines."""
    low, out = rates[0] / FILTER_RATE_S, np.zeros_like(rates)
    for k in range(1, len(rates)):
        step_s = 0.001 * float(at_ms[k] - at_ms[k - 1])
        keep = np.exp(-FILTER_RATE_S * step_s)
        slope = (rates[k] - rates[k - 1]) / step_s
        held = (1.0 - keep) / FILTER_RATE_S
        low = keep * low + held * rates[k - 1] + slope * (step_s - held) / FILTER_RATE_S
        out[k] = rates[k] - FILTER_RATE_S * low
    return out


def accelerations(thrusts: np.ndarray, believed: QuadrotorParameters) -> np.ndarray:
    """Angular ones that rotors (ms, 4) give the believed drone, (ms, 3), about x, y, z."""
    t_0, t_1, t_2, t_3 = thrusts.T
    right, left, right_more, left_more = t_0 + t_1, t_2 + t_3, t_1 - t_0, t_2 - t_3
    return np.stack(
        [
            believed.arm_y_m / believed.inertia_x_kg_m2 * (left - right),
            believed.arm_x_m / believed.inertia_y_kg_m2 * (left_more + right_more),
            believed.torque_per_thrust_m / believed.inertia_z_kg_m2 * (right_more - left_more),
        ],
        1,
    )


def fit(flights: list[np.ndarray], believed: QuadrotorParameters) -> Fitted | None:
    """The drone that explains flights (SAMPLEs, of each in order). None where they are too short, or nothing sensible does."""
    assert all(samples.dtype == SAMPLE for samples in flights)
    ones = [samples[samples["active"] == 1] for samples in flights]
    stretches = [Stretch(samples, believed) for samples in ones if len(samples) > 2]
    stretches = [each for each in stretches if 0.01 * each.used.sum() > LEAST_S]
    if not stretches:
        return None
    seen = np.concatenate([each.filtered_rates[each.used] for each in stretches])
    least, left, best = np.inf, np.inf, (0.0, 0, np.zeros((3, 2)))
    keep = np.exp(-FILTER_RATE_S * STEP_S)
    for delay in DELAYS:
        smoothed = []
        for each in stretches:
            turning = accelerations(each.thrusts(believed, delay), believed)
            low = np.empty_like(turning)
            smooth(turning, keep, (1.0 - keep) / FILTER_RATE_S, low)
            smoothed.append(low)
        for latency_ms in LATENCIES_MS:
            given = np.concatenate(
                [
                    low[np.maximum(0, each.at_ms[each.used] - latency_ms)]
                    for low, each in zip(smoothed, stretches, strict=True)
                ]
            )
            error, solution = explained(given, seen)
            if (solution[:2, 0] <= 0.0).any():
                continue
            far = np.log(delay) ** 2 + float(np.mean(np.log(solution[:2, 0]) ** 2))
            late = (0.001 * latency_ms - LATENCY_S) / LATENCY_SPREAD_S
            cost = LOOKS * float(np.log(error)) + far / (SPREAD * SPREAD) + late * late
            if cost < least:
                least, left, best = cost, error, (float(delay), latency_ms, solution)
    if not np.isfinite(least):
        return None
    delay, latency_ms, solution = best
    weight = 1.0 / solution[:2, 0]
    inertia = float(np.mean(weight))
    trims = solution[:, 1]
    mass_kg, force_n = balance(stretches, believed, delay, latency_ms)
    mass = mass_kg / believed.mass_kg
    if not (INERTIA[0] < inertia < INERTIA[1] and MASS[0] < mass < MASS[1]):
        return None
    quadrotor = believed.scaled(mass=mass, inertia=inertia, motor_delay=delay)
    inertias = quadrotor.inertia_x_kg_m2, quadrotor.inertia_y_kg_m2, quadrotor.inertia_z_kg_m2
    x_n_m, y_n_m, z_n_m = (float(i * trim) for i, trim in zip(inertias, trims, strict=True))
    torque = (x_n_m, y_n_m, z_n_m)
    quadrotor = replace(quadrotor, torque_n_m=torque, force_n=force_n, latency_s=0.001 * latency_ms)
    variance = float((seen[:, :2] ** 2).sum())
    return Fitted(quadrotor, mass, inertia, delay, 0.001 * latency_ms, torque, force_n, float(left) / variance,
                  sum(each.seconds for each in stretches))  # fmt: skip


def explained(given: np.ndarray, seen: np.ndarray) -> tuple[float, np.ndarray]:
    """Least squares of each axis: what is left of roll and pitch; factors and constants (3, 2)."""
    solution, left = np.zeros((3, 2)), 0.0
    held = 1.0 / FILTER_RATE_S
    for axis in range(3):
        x, y = given[:, axis], seen[:, axis]
        x_mean, y_mean = x.mean(), y.mean()
        spread = float(((x - x_mean) ** 2).sum())
        factor = float(((x - x_mean) * (y - y_mean)).sum()) / max(1e-12, spread)
        solution[axis] = factor, (y_mean - factor * x_mean) / held
        if axis < 2:
            left += float(((y - y_mean - factor * (x - x_mean)) ** 2).sum())
    return left, solution


def balance(
    stretches: list[Stretch], believed: QuadrotorParameters, delay: float, latency_ms: int
) -> tuple[float, tuple[float, float, float]]:
    """Mass, kg, and steady force, N, world: what the rotors pushed on the whole, and how fast the drone was at the end."""
    pushed, gained, seconds, drifted = np.zeros(3), np.zeros(3), 0.0, np.zeros(3)
    for each in stretches:
        total = each.thrusts(believed, delay).sum(1)[np.maximum(0, each.at_ms - latency_ms)]
        used = each.at_ms > 1000.0 * SETTLE_S
        step_s = 0.001 * np.gradient(each.at_ms)[used]
        pushed += ((total[:, None] * each.axis)[used] * step_s[:, None]).sum(0)
        drifted += (each.velocity_m_s[used] * step_s[:, None]).sum(0)
        gained += each.velocity_m_s[used][-1] - each.velocity_m_s[used][0]
        seconds += float(step_s.sum())
    drag_n = believed.drag_across_n_s_m * drifted / seconds
    mass_kg = float((pushed[2] / seconds - drag_n[2]) / (GRAVITY_M_S2 + gained[2] / seconds))
    force_n = (mass_kg * gained - pushed) / seconds + drag_n
    return mass_kg, (float(force_n[0]), float(force_n[1]), 0.0)


assert N_ROTORS == 4
