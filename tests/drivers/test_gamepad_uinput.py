"""A pad that the kernel itself has made: found by its numbers, its axes' ends asked for. Only where there is /dev/uinput."""

import fcntl
import glob
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.gamepad import ABS_RX, ABS_Y, BTN_TL, BTN_TR, EVENT, Gamepad, GamepadReading, GamepadSettings
from robot.runtime.clock import RealClock

UINPUT = Path("/dev/uinput")
pytestmark = pytest.mark.skipif(
    not os.access(UINPUT, os.W_OK), reason="/dev/uinput is not there, or not to be written to"
)

# include/uapi/linux/uinput.h
UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP, UI_ABS_SETUP = 0x5501, 0x5502, 0x405C5503, 0x401C5504
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_ABSBIT, UI_GET_SYSNAME = 0x40045564, 0x40045565, 0x40045567, 0x8040552C
SETUP, ABS_SETUP = struct.Struct("@4H80sI"), struct.Struct("@H2x6i")
EV_KEY, EV_ABS, BUS_USB, LOGITECH, F710 = 1, 3, 3, 0x046D, 0xC21F
FAR = 30000  # an end that is no mapping's own


class Pad:
    """An F710 of the kernel's."""

    def __init__(self) -> None:
        self._end = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
        for kind in (EV_KEY, EV_ABS):
            fcntl.ioctl(self._end, UI_SET_EVBIT, kind)
        for button in (BTN_TL, BTN_TR):
            fcntl.ioctl(self._end, UI_SET_KEYBIT, button)
        for axis in (ABS_RX, ABS_Y):
            fcntl.ioctl(self._end, UI_SET_ABSBIT, axis)
            fcntl.ioctl(self._end, UI_ABS_SETUP, ABS_SETUP.pack(axis, 0, -FAR, FAR, 0, 0, 0))
        fcntl.ioctl(self._end, UI_DEV_SETUP, SETUP.pack(BUS_USB, LOGITECH, F710, 1, b"robot-practice F710", 0))
        fcntl.ioctl(self._end, UI_DEV_CREATE)
        name = fcntl.ioctl(self._end, UI_GET_SYSNAME, bytes(64)).rstrip(b"\0").decode()
        self.path = wait_for(f"/sys/devices/virtual/input/{name}/event*")

    def say(self, kind: int, code: int, value: int) -> None:
        os.write(self._end, EVENT.pack(0, 0, kind, code, value) + EVENT.pack(0, 0, 0, 0, 0))

    def close(self) -> None:
        fcntl.ioctl(self._end, UI_DEV_DESTROY)
        os.close(self._end)


def wait_for(pattern: str) -> Path:
    """The event device of this folder of the kernel's, once it is there."""
    patience_s = time.monotonic() + 2.0
    while time.monotonic() < patience_s:
        for found in glob.glob(pattern):
            device = Path("/dev/input") / Path(found).name
            if os.access(device, os.R_OK):
                return device
        time.sleep(0.01)
    raise AssertionError(f"no event device for {pattern}")


@pytest.fixture
def pad() -> Iterator[Pad]:
    made = Pad()
    yield made
    made.close()


def after(driver: Gamepad) -> GamepadReading:
    time.sleep(0.05)
    return driver.read()


def test_a_pad_of_the_kernels_is_known_and_its_axes_ends_are_its_own(pad: Pad) -> None:
    driver = Gamepad(GamepadSettings(str(pad.path)), RealClock())
    driver.open()
    assert driver.model == "f710"
    pad.say(EV_KEY, BTN_TL, 1)
    pad.say(EV_ABS, ABS_RX, -FAR)
    pad.say(EV_ABS, ABS_Y, -FAR)
    reading = after(driver)
    assert (reading.by_hand, reading.run, reading.steer, reading.throttle) == (True, False, 1.0, 1.0)
    assert 0.04 < reading.event_age_s < 1.0  # by the kernel's time stamp, in this clock
    pad.say(EV_KEY, BTN_TL, 0)
    assert not after(driver).by_hand
    driver.close()
