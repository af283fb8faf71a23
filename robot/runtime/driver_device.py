"""A driver as the control loop sees it, where there is nothing more to it than to read, and to carry out a command."""

from collections.abc import Callable
from typing import Any

import numpy as np

from drivers.base import Driver
from drivers.reading_record import fill, forget


class DriverDevice:
    """Of a driver whose reading is its part of READINGS. act: carries out what OUTPUTS say; not of one that only senses."""

    def __init__(self, driver: Driver[Any], act: Callable[[np.ndarray], object] = lambda outputs: None) -> None:
        self.driver = driver
        self.open, self.close, self.stop, self.reconnect = driver.open, driver.close, driver.stop, driver.reconnect
        self.write = act

    def check(self) -> None:
        """Whatever it is, its driver has already said so."""

    def read(self, record: np.ndarray) -> None:
        fill(record, self.driver.read())

    def absent(self, record: np.ndarray) -> None:
        forget(record)
