"""What a drone's simulator is fitted to: what the policy on board asked of the rotors, and how the drone turned and moved.

The app says what its newest decision asks of the rotors, and for how many milliseconds it has, beside what the gyroscope says, a
hundred times a second. It goes into the flight's log beside what the mind knows, and to the run's folder, flight by flight.
"""

import math
from pathlib import Path

import numpy as np

from drivers.crazyflie import Crazyflie
from policies.array_file import read_arrays, write_arrays
from sim.input_files import wrong

MOTORS = ("policy.m1", "policy.m2", "policy.m3", "policy.m4")
SINCE, ACTIVE = "policy.since", "policy.active"
GYRO = ("gyro.x", "gyro.y", "gyro.z")
WATCHED = (*MOTORS, SINCE, ACTIVE, *GYRO)
PERIOD_MS = 10
FULL = 65535.0
ALL_IT_HAS = 0.99  # of a rotor's full thrust
TOPIC = "/samples"
SAMPLE = np.dtype(
    [
        ("tick", "u8"),
        ("time_s", "f8"),  # of the tick that took it
        ("board_time_s", "f8"),
        ("decided_s", "f8"),  # when the newest decision was made, by the drone's clock
        ("forces", "f8", (4,)),  # that it asks of the rotors, shares of a rotor's full thrust
        ("rate_rad_s", "f8", (3,)),  # body
        ("velocity_m_s", "f8", (3,)),  # world; the newest that was heard
        ("attitude", "f8", (4,)),  # w, x, y, z, likewise
        ("active", "u4"),  # 1: the policy flies
    ]
)


def share_at_full(samples: np.ndarray) -> float:
    """Share of the times that the policy flew (SAMPLEs) in which it asked a rotor for all that it has."""
    flew = samples["forces"][samples["active"] == 1]
    return float((flew.max(axis=1) >= ALL_IT_HAS).mean()) if len(flew) else 0.0


class Sampler:
    """Takes what has arrived since the last look."""

    def __init__(self, driver: Crazyflie) -> None:
        """driver: connected. Raises ValueError if the app on board does not log it."""
        self._driver, self._newest_s = driver, -1.0
        driver.watch(WATCHED, PERIOD_MS)

    def take(self, readings: np.ndarray) -> list[np.ndarray]:
        """SAMPLEs, the oldest first, with what the tick's READINGS say of velocity and attitude; none of what is not finite."""
        taken, told = [], readings["crazyflie"]
        for logged in self._driver.seen(WATCHED[0]):
            if logged.board_time_s <= self._newest_s:
                continue
            self._newest_s, sample, values = logged.board_time_s, np.zeros((), SAMPLE), logged.values
            if not all(map(math.isfinite, (*values.values(), *told["velocity_m_s"], *told["attitude"]))):
                continue
            sample["tick"], sample["time_s"] = readings["tick"], readings["time_s"]
            sample["board_time_s"] = logged.board_time_s
            sample["decided_s"] = logged.board_time_s - 0.001 * values[SINCE]
            sample["forces"] = [values[name] / FULL for name in MOTORS]
            sample["rate_rad_s"] = np.radians([values[name] for name in GYRO])
            sample["velocity_m_s"], sample["attitude"] = told["velocity_m_s"], told["attitude"]
            sample["active"] = values[ACTIVE]
            taken.append(sample)
        return taken


def save_samples(path: Path, samples: np.ndarray) -> None:
    """Those of one flight."""
    write_arrays(path, {name: samples[name] for name in SAMPLE.names or ()})


def load_samples(path: Path) -> np.ndarray:
    """The inverse of `save_samples`. Raises ValueError, naming file and field, for what it cannot have written."""
    arrays = read_arrays(path)
    sizes = {len(array) if array.ndim else -1 for array in arrays.values()}
    if len(sizes) != 1 or -1 in sizes:
        raise wrong(path, "fields", f"{sorted(sizes)} rows", "as many rows of each")
    samples = np.zeros(sizes.pop(), SAMPLE)
    for name in SAMPLE.names or ():
        if name not in arrays or arrays[name].shape != samples[name].shape or not np.isfinite(arrays[name]).all():
            raise wrong(path, name, "nothing, or other numbers", f"{samples[name].shape}, finite")
        samples[name] = arrays[name]
    return samples
