"""The PCA9685 on its bus: what the data sheet says is written, what the ESC makes of it, what is left when a program dies."""

import errno
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from Adafruit_PureIO import smbus as pure
from hypothesis import given
from hypothesis import strategies as st

from drivers import i2c_bus
from drivers.base import LinkLost
from drivers.conformance import Rig, check_driver
from drivers.emulators.esc import Gear
from drivers.emulators.pca9685 import Pca9685Emulator
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import SERVO, V_X
from drivers.i2c_bus import I2CBus
from drivers.pca9685 import Pca9685, Pca9685Settings, take_over

TICK_S = 0.02


class Bench:
    """One emulated car, a clock that only `wait` moves, and its driver."""

    def __init__(self, config: VirtualCarConfig, directory: Path) -> None:
        self.emulator = Emulator(config, directory)
        self.world, self.chip, self.esc = self.emulator.world, self.emulator.vesc.chip, self.emulator.vesc.esc
        self.settings = Pca9685Settings(port=str(directory / "vesc"))
        self.driver = Pca9685(self.settings, self)

    def now(self) -> float:
        return self.emulator.time_s

    def wait(self, duration_s: float) -> None:
        self.emulator.advance(self.emulator.time_s + duration_s)

    def drive(self, seconds: float, act: Callable[[Pca9685], object]) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.driver.read()
            act(self.driver)
            self.wait(TICK_S)

    @property
    def speed(self) -> float:
        return float(self.world.moving[V_X])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**changes: object) -> Bench:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(Bench(VirtualCarConfig(motor_model="pca9685", **changes), directory))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.driver.close()
        each.emulator.vesc_pty.unplug()
        each.emulator.lidar_pty.unplug()


@pytest.fixture
def armed(bench: Callable[..., Bench]) -> Bench:
    b = bench()
    b.driver.open()
    b.drive(0.5, forwards)  # it is not armed yet
    assert b.speed == 0.0
    b.drive(1.6, Pca9685.coast)
    assert b.esc.gear is Gear.REVERSES
    return b


def forwards(driver: Pca9685) -> object:
    return driver.write(0.0, 1.5)


def test_it_keeps_every_promise_of_a_driver(bench: Callable[..., Bench]) -> None:
    b = bench()
    faults = b.emulator.faults

    def act(driver: Pca9685, command: tuple[float, ...]) -> tuple[tuple[float, ...], bool]:
        sent = driver.write(*command)
        return (sent.steer_rad, sent.speed_m_s), sent.refused

    check_driver(
        Rig(
            make=lambda port: Pca9685(Pca9685Settings(port=port), b),
            port=b.settings.port,
            wait=b.wait,
            silence=lambda on: faults["silence_vesc"](on),
            garbage=lambda data: None,  # nobody can speak on a bus that its host leads
            unplug=lambda: faults["unplug"]("vesc"),
            plug=lambda: faults["plug"]("vesc"),
            start_s=0.1,
            fresh_s=0.001,
            act=act,
            commands=((0.1, 1.0), (-0.4, 0.5), (0.0, 0.0), (9.0, 90.0), (-9.0, 6.0)),
        )
    )


class Wire:
    """Notes every transfer on its way to a chip."""

    is_open = True

    def __init__(self, chip: Pca9685Emulator) -> None:
        self.chip = chip
        self.written: list[bytes] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def transfer(self, address: int, data: bytes, read: int = 0) -> bytes:
        if not read:
            self.written.append(data)
        return self.chip.transfer(address, data, read)


class Now:
    def now(self) -> float:
        return 0.0


def test_the_registers_that_the_data_sheet_asks_for() -> None:
    """Sleep, prescale, outputs, wake; then LED0 and LED1. 200 Hz is the data sheet's own example: prescale 1Eh (7.3.5)."""
    assert Pca9685Settings(frequency_hz=200.0, full_us=2000.0).pre_scale == 0x1E
    wire = Wire(Pca9685Emulator())
    driver = Pca9685(Pca9685Settings(), Now(), bus=wire)  # type: ignore[arg-type]
    driver.open()
    driver.read()
    neutral = bytes((0x70, 0x01))  # 1500 us at 25 MHz / 102: 368 counts
    assert Pca9685Settings().pre_scale == 0x65
    configured = [bytes((0x00, 0x30)), bytes((0xFE, 0x65)), bytes((0x01, 0x04)), bytes((0x00, 0x20))]
    assert wire.written == [*configured, b"\x0a\0\0" + neutral, b"\x06\0\0" + neutral]
    assert wire.chip.pulse_us(0) == pytest.approx(1500.0, abs=2.1)
    assert wire.chip.frequency_hz == pytest.approx(59.84, abs=0.01)


def test_a_pulse_is_as_long_as_it_should_be_where_the_oscillator_was_measured(bench: Callable[..., Bench]) -> None:
    """7 % are what chips have: by the nominal frequency neutral would be 1605 us, and the motor would turn."""
    off = bench(esc={"oscillator_share": 0.93})
    off.driver.open()
    off.drive(0.1, Pca9685.coast)
    assert off.chip.pulse_us(0) > 1600.0
    off.driver.close()
    measured = Pca9685(Pca9685Settings(port=off.settings.port, oscillator_hz=0.93 * 25e6), off)
    measured.open()
    measured.read()
    measured.coast()
    assert off.chip.pulse_us(0) == pytest.approx(1500.0, abs=2.5)
    measured.close()


def test_it_drives_brakes_and_goes_backwards_by_way_of_neutral(armed: Bench) -> None:
    armed.drive(1.5, forwards)
    assert armed.speed == pytest.approx(1.5, abs=0.25)
    armed.drive(0.6, lambda driver: driver.brake(40.0))
    assert armed.esc.gear is Gear.BRAKED
    assert abs(armed.speed) < 0.05
    armed.drive(0.1, lambda driver: driver.write(0.0, -1.0))
    assert armed.speed > -0.05  # it is still shifting
    armed.drive(1.0, lambda driver: driver.write(0.0, -1.0))
    assert armed.speed == pytest.approx(-1.0, abs=0.3)


def test_a_brake_never_drives_backwards(armed: Bench) -> None:
    """After brake and neutral the ESC takes the brake's pulse for reverse."""
    armed.drive(0.6, forwards)
    armed.drive(1.0, lambda driver: driver.brake(40.0))
    armed.drive(0.4, Pca9685.coast)
    armed.drive(1.0, lambda driver: driver.brake(40.0))
    assert abs(armed.speed) < 0.02
    armed.drive(1.0, lambda driver: driver.write(0.0, -1.0))
    armed.drive(1.5, lambda driver: driver.brake(40.0))
    assert armed.speed > -0.6  # it coasts; nothing drives it on


ACTS = st.sampled_from(["forwards", "backwards", "brake", "weak brake", "coast"])


@given(acts=st.lists(st.tuples(ACTS, st.integers(1, 12)), max_size=12))
def test_driver_and_esc_never_differ_about_what_a_pulse_below_neutral_does(acts: list[tuple[str, int]]) -> None:
    """Whatever is done for however long: who brakes drives backwards never, and the driver tells the way that is driven."""
    told: list[tuple[int, float]] = []

    class Still:
        time_s = 0.0

        def order(self, at_s: float, kind: int, value: float) -> None:
            if kind != SERVO:
                told.append((kind, value))

    from drivers.emulators.esc import EscWiring
    from drivers.emulators.pwm_car import PwmCarEmulator
    from drivers.emulators.world import THROTTLE

    world = Still()
    car = PwmCarEmulator(world, EscWiring(), None)  # type: ignore[arg-type]
    clock = type("Clock", (), {"now": lambda self: world.time_s})()
    wire = Wire(car)  # type: ignore[arg-type]
    driver = Pca9685(Pca9685Settings(), clock, bus=wire)  # type: ignore[arg-type]
    driver.open()
    steps = {
        "forwards": lambda: driver.write(0.0, 1.0),
        "backwards": lambda: driver.write(0.0, -1.0),
        "brake": lambda: driver.brake(40.0),
        "weak brake": lambda: driver.brake(0.01),
        "coast": driver.coast,
    }
    for act, ticks in [("coast", 110), *acts]:
        for _ in range(ticks):
            driver.read()
            sent = steps[act]()
            world.time_s += TICK_S
            car.run(world.time_s)
            kind, value = told[-1] if told else (0, 0.0)
            driven = value if kind == THROTTLE else 0.0
            assert (driven > 0.0) == (sent.speed_m_s > 0.0), (act, sent, told[-3:])
            assert (driven < 0.0) == (sent.speed_m_s < 0.0), (act, sent, told[-3:])


def test_the_chip_pulses_on_when_its_program_dies_and_who_takes_over_brakes_and_releases(armed: Bench) -> None:
    armed.drive(1.0, forwards)
    armed.driver.close()  # as when it is killed: nothing is said
    armed.wait(5.0)
    assert armed.speed > 1.0 or armed.world.collisions
    armed.world.put_on_course(0.0)
    armed.wait(1.0)
    assert armed.speed > 0.5
    guardian = take_over(armed.settings, armed)
    guardian.open()
    armed.driver = guardian
    armed.drive(1.0, lambda driver: driver.brake(40.0))
    assert armed.esc.gear is Gear.BRAKED
    assert abs(armed.speed) < 0.05
    guardian.coast()
    guardian.release()
    armed.wait(1.0)
    assert armed.chip.pulse_us(0) is None
    assert abs(armed.speed) < 0.05


def test_who_takes_over_from_somebody_who_reversed_does_not_reverse_on(armed: Bench) -> None:
    armed.drive(1.5, lambda driver: driver.write(0.0, -1.0))
    assert armed.speed < -0.5
    armed.driver.close()
    armed.driver = take_over(armed.settings, armed)
    armed.driver.open()
    assert armed.chip.pulse_us(0) == pytest.approx(1500.0, abs=3.0)


def test_after_its_power_was_gone_it_is_told_all_again(armed: Bench) -> None:
    armed.drive(0.5, forwards)
    armed.emulator.faults["power_cycle_vesc"]()
    assert armed.chip.pulse_us(0) is None
    armed.drive(2.0, forwards)
    assert armed.chip.pulse_us(0) == pytest.approx(1500.0, abs=3.0)  # so has the ESC's been, from the same battery
    armed.drive(0.2, forwards)
    assert armed.chip.pulse_us(0) == pytest.approx(armed.settings.start_us + 440.0 * 1.5 / 8.0, abs=3.0)


def test_a_stuck_bus_and_a_chip_without_power_are_named(armed: Bench) -> None:
    armed.chip.stuck = True
    armed.drive(0.2, forwards)
    assert "the bus is stuck" in armed.driver.trouble()
    armed.chip.stuck, armed.chip.silent = False, True
    armed.drive(0.2, forwards)
    assert "nothing answers at address 0x40" in armed.driver.trouble()
    armed.chip.silent = False
    armed.drive(0.1, forwards)
    assert armed.driver.trouble() == ""


def test_faults_that_this_car_cannot_have_are_refused(armed: Bench) -> None:
    assert b"error" in armed.emulator.order(b'{"do": "stick_imu", "on": true}')
    assert b"error" in armed.emulator.order(b'{"do": "corrupt", "device": "vesc", "rate": 0.1}')
    assert armed.emulator.order(b'{"do": "corrupt", "device": "lidar", "rate": 0.0}') == b"{}\n"


class ByKernel:
    """A bus of Linux: what is handed to ioctl is taken apart by another client's declarations of linux/i2c.h."""

    def __init__(self, chip: Pca9685Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.chip, self.asked = chip, []  # type: ignore[var-annotated]
        self.path = tmp_path / "i2c-1"
        self.path.touch()
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def ioctl(self, _file: int, request: int, argument: object) -> int:
        if request != pure.I2C_RDWR:
            self.asked.append((request, argument))
            return 0
        told = pure.i2c_rdwr_ioctl_data.from_buffer_copy(bytes(argument))  # type: ignore[call-overload]
        messages = [told.msgs[k] for k in range(told.nmsgs)]
        written = b"".join(bytes(m.buf[: m.len]) for m in messages if not m.flags & pure.I2C_M_RD)
        reads = [m for m in messages if m.flags & pure.I2C_M_RD]
        answer = self.chip.transfer(messages[0].addr, written, sum(m.len for m in reads))
        for m in reads:
            for k in range(m.len):
                m.buf[k] = answer[k]
        return len(messages)


def test_the_kernel_is_asked_as_its_headers_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chip = Pca9685Emulator()
    kernel = ByKernel(chip, monkeypatch, tmp_path)
    bus = I2CBus(str(kernel.path))
    driver = Pca9685(Pca9685Settings(port=bus.port), Now(), bus=bus)
    driver.open()
    driver.read()
    driver.read()
    assert driver.trouble() == ""
    assert chip.pulse_us(1) == pytest.approx(1500.0, abs=2.5)
    assert (i2c_bus.I2C_TIMEOUT, 1) in kernel.asked
    with pytest.raises(LinkLost, match="in use by another program"):
        I2CBus(bus.port).open()
    I2CBus(bus.port, shared=True).open()
    chip.silent = True
    with pytest.raises(i2c_bus.NoAnswer, match="nothing answers at address 0x40"):
        bus.transfer(0x40, b"\0")
    driver.close()


def test_a_bus_that_may_not_be_used_or_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "sudo usermod -aG i2c" in i2c_bus.why_not("/dev/i2c-1", PermissionError(errno.EACCES, "denied"))
    file = tmp_path / "notes.txt"
    file.touch()
    with pytest.raises(LinkLost, match=r"notes\.txt: cannot be used as an I2C bus"):
        I2CBus(str(file)).open()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": 0x90}, "address: found 144, allowed: 8 to 119"),
        ({"oscillator_hz": 1e6}, "oscillator_hz"),
        ({"throttle_channel": 1}, "servo_channel: found 1, allowed: another one"),
        ({"neutral_us": 1600.0}, "neutral_us"),
        ({"neutral_us": float("nan")}, "neutral_us"),
        ({"servo_us_per_rad": 0.0}, "servo_us_per_rad: found 0.0"),
        ({"full_us": 2600.0}, "full_us"),
    ],
)
def test_what_no_car_can_be_is_refused_by_field(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pca9685Settings(**changes)  # type: ignore[arg-type]
