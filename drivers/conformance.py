"""What every driver must do, checked against its device or an emulator: one call, `check_driver(rig)`.

A rig says how to make the driver and how to disturb its device; the rest follows from the `Driver` protocol and from
the fields of the reading: every field whose name ends in `age_s` and holds a number is the age of something.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from drivers.base import Driver, LinkLost

TICK_S = 0.02
ROUNDING_S = 1e-9
NAMELESS = "/dev/no-such-port"


@dataclass(frozen=True)
class Rig:
    """A device under test. `silence` and `garbage` act on what the device sends, `unplug` and `plug` on its cable."""

    make: Callable[[str], Driver]  # a closed driver for the port of that name
    port: str
    wait: Callable[[float], None]  # let that many seconds pass, for the clock of the driver and for the device
    silence: Callable[[bool], None]
    garbage: Callable[[bytes], None]
    unplug: Callable[[], None]
    plug: Callable[[], None]
    start_s: float  # within which the device sends all it has, from `open` on
    fresh_s: float  # age that nothing may have when all is well
    # For drivers that act: sends a command, returns what was really sent as numbers and whether it was refused.
    act: Callable[[Any, tuple[float, ...]], tuple[tuple[float, ...], bool]] | None = None
    commands: tuple[tuple[float, ...], ...] = ()  # to be tried; some beyond the limits


def ages(reading: object) -> dict[str, float]:
    """The ages in a reading, by their names."""
    names = (name for name in dir(reading) if name.endswith("age_s"))
    return {name: value for name in names if isinstance(value := getattr(reading, name), float)}


def check_driver(rig: Rig) -> None:
    """Raise AssertionError, saying what is wrong, unless the driver keeps the promises of `Driver`."""
    check_missing_port(rig)
    driver = rig.make(rig.port)
    check_closed(driver)
    driver.open()
    try:
        check_fresh(rig, driver, "after open")
        check_silence(rig, driver)
        check_garbage(rig, driver)
        if rig.act is not None:
            check_commands(rig, driver)
        check_unplugging(rig, driver)
        check_reopening(rig, driver)
    finally:
        driver.stop()
        driver.close()


def check_missing_port(rig: Rig) -> None:
    """Opening what is not there fails with its name, and harms nothing."""
    driver = rig.make(NAMELESS)
    try:
        driver.open()
    except LinkLost as error:
        assert NAMELESS in str(error), f"open: the error does not name the port: {error}"
    else:
        raise AssertionError("open: no LinkLost for a port that does not exist")
    assert not driver.reconnect(), "reconnect: says True for a port that does not exist"
    driver.stop()
    driver.close()


def check_closed(driver: Driver) -> None:
    """A closed driver is in trouble and says so, and can be stopped and closed."""
    driver.stop()
    driver.close()
    assert driver.trouble(), "trouble: empty while closed"
    try:
        driver.read()
    except LinkLost:
        return
    raise AssertionError("read: no LinkLost while closed")


def check_fresh(rig: Rig, driver: Driver, when: str) -> None:
    """Within the starting time everything is young, nothing is wrong."""
    reading = None
    for _ in ticks(rig, rig.start_s):
        reading = driver.read()
    for name, age in ages(reading).items():
        assert 0.0 <= age <= rig.fresh_s + ROUNDING_S, f"{when}: {name} is {age}, expected 0 to {rig.fresh_s}"
    assert driver.trouble() == "", f"{when}: trouble: {driver.trouble()}"


def check_silence(rig: Rig, driver: Driver) -> None:
    """Without traffic reads return at once, ages grow with the clock, and the driver says that something is wrong."""
    rig.silence(True)
    for _ in ticks(rig, 3 * TICK_S):
        driver.read()
    before = ages(driver.read())
    for _ in ticks(rig, 2.0):
        driver.read()
    for name, age in ages(driver.read()).items():
        grown = age - before[name]
        assert math.isclose(grown, 2.0, abs_tol=1e-6), f"silence: {name} grew by {grown} in 2 s"
    assert driver.trouble(), "silence: no trouble after 2 s"
    rig.silence(False)
    check_fresh(rig, driver, "after silence")


def check_garbage(rig: Rig, driver: Driver) -> None:
    """Bytes that mean nothing are survived."""
    for junk in (bytes(range(256)), b"\xa5" * 100, b"\x02\xff" * 100, b"\x03\x02\x00" * 100, b"\x00" * 1000):
        rig.garbage(junk)
        for _ in ticks(rig, 2 * TICK_S):
            driver.read()
    check_fresh(rig, driver, "after garbage")


def check_commands(rig: Rig, driver: Driver) -> None:
    """What is not a number is refused; what was sent is told, and sending that again changes nothing."""
    assert rig.act is not None
    for command in rig.commands:
        sent, refused = rig.act(driver, command)
        assert not refused, f"write: refused {command}"
        assert all(map(math.isfinite, sent)), f"write: sent {sent} for {command}"
        again, _ = rig.act(driver, sent)
        assert all(map(math.isclose, again, sent)), f"write: sent {sent} for {command}, but {again} for {sent}"
    for bad in (math.nan, math.inf, -math.inf):
        for place in range(len(rig.commands[0])):
            command = (*rig.commands[0][:place], bad, *rig.commands[0][place + 1 :])
            sent, refused = rig.act(driver, command)
            assert refused, f"write: did not refuse {command}"
            assert all(map(math.isfinite, sent)), f"write: sent {sent} for {command}"
    rig.act(driver, rig.commands[0])


def check_unplugging(rig: Rig, driver: Driver) -> None:
    """A vanished port ends in LinkLost, stop survives it, and the driver comes back when the port does."""
    rig.unplug()
    lost = False
    for _ in ticks(rig, 0.2):
        try:
            driver.read()
        except LinkLost:
            lost = True
    assert lost, "unplug: read did not raise LinkLost within 0.2 s"
    driver.stop()
    assert driver.trouble(), "unplug: no trouble"
    assert not driver.reconnect(), "unplug: reconnected to nothing"
    rig.plug()
    assert driver.reconnect(), f"plug: did not reconnect: {driver.trouble()}"
    check_fresh(rig, driver, "after reconnecting")


def check_reopening(rig: Rig, driver: Driver) -> None:
    """Closing twice does no harm; a closed driver may be opened again, also after a stop."""
    driver.stop()
    driver.close()
    driver.close()
    driver.open()
    check_fresh(rig, driver, "after reopening")


def ticks(rig: Rig, duration_s: float) -> Iterator[int]:
    """Let time pass in ticks."""
    for tick in range(round(duration_s / TICK_S)):
        rig.wait(TICK_S)
        yield tick
