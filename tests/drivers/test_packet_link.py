"""A device behind a packet socket: it is found, lost and found again; whoever does not read keeps nobody waiting."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.base import LinkLost
from drivers.emulators.packet_host import PacketEmulator, start_host
from drivers.packet_link import PacketLink
from robot.runtime.clock import LockstepClock, RealClock
from robot.runtime.rest import DriverRest
from tests.toy_robot.cart import Cart
from tests.toy_robot.emulator import STATE


@pytest.fixture
def cart() -> Iterator[PacketEmulator]:
    with closing(start_host("tests.toy_robot.emulator", "cart", "lockstep", place_m=0.25)) as emulator:
        yield emulator


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    link = PacketLink(str(tmp_path / "cart"), RealClock())
    with pytest.raises(LinkLost, match="cart: No such file"):
        link.open()
    assert not link.reconnect() and "nobody answers" in link.trouble()
    with pytest.raises(LinkLost, match="nobody answers"):
        link.send(b"x")


def test_time_goes_on_by_the_clock_alone_and_the_state_comes_with_it(cart: PacketEmulator) -> None:
    clock = LockstepClock(str(cart.directory / "lockstep"))
    driver = Cart(cart.ports["cart"], clock)
    driver.open()
    assert driver.read().age_s > 1e9 and cart.truth().time_s == 0.0
    driver.push(1.0)
    clock.sleep_until(0.5)
    seen = driver.read()
    assert cart.truth().time_s == pytest.approx(0.5) and seen.age_s == 0.0
    assert seen.place_m == STATE.unpack(cart.state())[1] > 0.25
    driver.push(float("nan"))
    clock.sleep_until(0.6)
    assert driver.read().speed_m_s < seen.speed_m_s  # it was told not to push


def test_whoever_does_not_read_keeps_nobody_waiting(cart: PacketEmulator) -> None:
    clock = LockstepClock(str(cart.directory / "lockstep"))
    deaf, driver = Cart(cart.ports["cart"], clock), Cart(cart.ports["cart"], clock)
    for each in (deaf, driver):
        each.open()
        each.push(0.0)
    for k in range(1, 1500):
        clock.sleep_until(0.01 * k)
        driver.read()
    assert driver.read().age_s == 0.0
    deaf.close()
    clock.sleep_until(16.0)
    assert driver.read().age_s == 0.0


def test_a_device_that_died_is_lost_and_found(cart: PacketEmulator) -> None:
    driver = Cart(cart.ports["cart"], RealClock())
    driver.open()
    cart.process.kill()
    cart.process.wait()
    with pytest.raises(LinkLost):
        driver.push(0.0)
    driver.stop()  # never raises
    assert not driver.reconnect()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_device_that_was_killed_or_hangs_before_it_was_asked_has_a_truth(cart: PacketEmulator, how: int) -> None:
    cart.process.send_signal(how)
    if how == signal.SIGKILL:
        cart.process.wait()
    began_s = time.monotonic()
    assert cart.truth().time_s == 0.0 and STATE.unpack(cart.state())[1] == 0.25
    assert time.monotonic() - began_s < 5.0


def test_one_that_hung_for_a_while_tells_the_newest_truth(cart: PacketEmulator) -> None:
    clock = LockstepClock(str(cart.directory / "lockstep"))
    cart.process.send_signal(signal.SIGSTOP)
    for _ in range(3):
        cart.truth()
    cart.process.send_signal(signal.SIGCONT)
    clock.sleep_until(0.5)
    cart.truth()
    assert cart.truth().time_s == pytest.approx(0.5)


def test_a_guardian_brings_it_to_rest_by_its_driver() -> None:
    with closing(start_host("tests.toy_robot.emulator", "cart", "realtime", place_m=0.0)) as emulator:
        driver = Cart(emulator.ports["cart"], RealClock())
        driver.open()
        driver.push(1.0)
        rest = DriverRest(Cart(emulator.ports["cart"], RealClock()), lambda seen: abs(seen.speed_m_s) < 0.05)
        time.sleep(0.2)
        assert not rest.at_rest and rest.act() > 0.0
        assert not rest.at_rest  # before it is told anything, it does not know
        patience = time.monotonic() + 20.0
        while not (rest.act() > 0.0 and rest.at_rest):
            assert time.monotonic() < patience
            time.sleep(0.05)
        rest.release()
        rest.close()
    gone = DriverRest(Cart("/nowhere/cart", RealClock()), lambda seen: True)
    assert gone.act() < 0.0 and "nobody answers" in gone.trouble and not gone.at_rest
    assert gone.act_in_lockstep() == gone.trouble
