"""Rewards that somebody brings, good ones and bad ones, as `--reward` finds them."""

import os
import sys

import numpy as np


def for_speed(transitions: np.ndarray, told: str) -> np.ndarray:
    """The faster, the better; by so much."""
    return float(told or 1.0) * np.abs(transitions["next_observation"][:, 1])


def near(transitions: np.ndarray, told: str) -> np.ndarray:
    """The toy's own, by another name."""
    place, speed = transitions["next_observation"].astype(np.float64).T
    return -place * place - 0.1 * speed * speed


def scalar(transitions: np.ndarray, told: str) -> float:
    return 1.0


def nan(transitions: np.ndarray, told: str) -> np.ndarray:
    return np.where(np.arange(len(transitions)) == 1, np.nan, 0.0)


def huge(transitions: np.ndarray, told: str) -> np.ndarray:
    """Finite, but not when it is squared in single precision."""
    return np.full(len(transitions), 1e30)


def lowest(transitions: np.ndarray, told: str) -> np.ndarray:
    return np.full(len(transitions), -np.inf)


def ending(transitions: np.ndarray, told: str) -> np.ndarray:
    sys.exit(0)


def words(transitions: np.ndarray, told: str) -> list[str]:
    return ["good"] * len(transitions)


def raising(transitions: np.ndarray, told: str) -> np.ndarray:
    raise KeyError("nobody\nknows")


def writing(transitions: np.ndarray, told: str) -> np.ndarray:
    transitions["observation"] = 0.0
    return transitions["reward"]


def short_of_memory(transitions: np.ndarray, told: str) -> np.ndarray:
    """Fails in the run's learner, at its hundredth decision."""
    if transitions["step"].max() >= 100:
        raise MemoryError(f"of process {os.getpid()}")
    return transitions["reward"]


no_function = 3.0
