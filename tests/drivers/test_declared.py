"""Drivers by name: a robot's file names them, and what it tells them finds them again."""

import pytest

from drivers.declared import DRIVERS, driver_of, find_driver


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_is_found_by_its_settings(name: str) -> None:
    declared = find_driver(name)
    assert declared.name == name
    made = object.__new__(declared.settings)  # settings of this class, whatever they need
    assert driver_of(made) is declared
