"""The emulated PCA9685 against its data sheet, and with Adafruit's own client."""

import pytest
from adafruit_pca9685 import PCA9685

from drivers.emulators.pca9685 import AI, RESTART, SLEEP, Pca9685Emulator


class BusIO:
    """What CircuitPython calls busio.I2C, led to an emulated chip."""

    def __init__(self, chip: Pca9685Emulator) -> None:
        self.chip = chip

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None: ...

    def writeto(self, address: int, buffer: bytes, *, start: int = 0, end: int | None = None) -> None:
        self.chip.transfer(address, bytes(buffer[start:end]), 0)

    def readfrom_into(self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None) -> None:
        size = len(buffer[start:end])
        buffer[start : start + size] = self.chip.transfer(address, b"", size)

    def writeto_then_readfrom(
        self, address: int, out: bytes, into: bytearray, *, out_start: int = 0, out_end: int | None = None,
        in_start: int = 0, in_end: int | None = None,
    ) -> None:  # fmt: skip
        size = len(into[in_start:in_end])
        into[in_start : in_start + size] = self.chip.transfer(address, bytes(out[out_start:out_end]), size)


@pytest.fixture
def chip() -> Pca9685Emulator:
    return Pca9685Emulator()


def awake(chip: Pca9685Emulator) -> Pca9685Emulator:
    chip.transfer(0x40, bytes((0x00, AI)), 0)
    return chip


def test_adafruits_client_sets_frequency_and_pulses(chip: Pca9685Emulator) -> None:
    pca = PCA9685(BusIO(chip))  # type: ignore[arg-type]
    pca.frequency = 60
    assert chip.frequency_hz == pytest.approx(60.0, abs=0.6)
    assert pca.frequency == pytest.approx(chip.frequency_hz)
    pca.channels[3].duty_cycle = 0x1800  # 384 of 4096
    assert chip.pulse_us(3) == pytest.approx(1e6 * 384 / 4096 / chip.frequency_hz)
    assert pca.channels[3].duty_cycle == 0x1800
    pca.channels[3].duty_cycle = 0
    assert chip.pulse_us(3) is None
    pca.channels[3].duty_cycle = 0xFFFF
    assert chip.pulse_us(3) == pytest.approx(1e6 / chip.frequency_hz)
    pca.frequency = 200
    assert pca.prescale_reg == 0x1E  # the data sheet's example


def test_adafruits_client_finds_nobody_at_another_address(chip: Pca9685Emulator) -> None:
    with pytest.raises(ValueError, match="No I2C device at address: 0x41"):
        PCA9685(BusIO(chip), address=0x41)  # type: ignore[arg-type]
    PCA9685(BusIO(chip), address=0x70)  # type: ignore[arg-type]  # ALLCALL, from power-up on


def test_after_power_up_it_sleeps_and_pulses_nothing(chip: Pca9685Emulator) -> None:
    assert chip.transfer(0x40, b"\x00", 1) == b"\x11"
    assert chip.transfer(0x40, b"\xfe", 1) == b"\x1e"
    assert chip.transfer(0x40, b"\x09", 1) == b"\x10"  # LED0_OFF_H: fully off
    chip.transfer(0x40, bytes((6, 0, 0, 0x71, 1)), 0)
    assert chip.pulse_us(0) is None


def test_the_prescaler_is_set_while_it_sleeps_alone(chip: Pca9685Emulator) -> None:
    awake(chip).transfer(0x40, bytes((0xFE, 0x65)), 0)
    assert chip.transfer(0x40, b"\xfe", 1) == b"\x1e"
    chip.transfer(0x40, bytes((0x00, SLEEP)), 0)
    chip.transfer(0x40, bytes((0xFE, 0x65)), 0)
    assert chip.transfer(0x40, b"\xfe", 1) == b"\x65"
    chip.transfer(0x40, bytes((0xFE, 1)), 0)
    assert chip.transfer(0x40, b"\xfe", 1) == b"\x03"  # the least that the hardware lets through


def test_without_auto_increment_all_bytes_go_to_one_register(chip: Pca9685Emulator) -> None:
    chip.transfer(0x40, bytes((0x00, 0)), 0)
    chip.transfer(0x40, bytes((6, 1, 2, 3, 4)), 0)
    assert chip.transfer(0x40, b"\x06", 1) == b"\x04"
    awake(chip).transfer(0x40, bytes((6, 1, 2, 3, 4)), 0)
    assert chip.transfer(0x40, b"\x06", 4) == b"\x01\x02\x03\x04"
    chip.transfer(0x40, b"\x45", 0)
    assert chip.transfer(0x40, b"\x45", 2)[1] == chip.mode1  # behind the last LED comes register 0


def test_sleep_stops_the_pulses_and_restart_or_a_new_pulse_brings_them_back(chip: Pca9685Emulator) -> None:
    awake(chip).transfer(0x40, bytes((6, 0, 0, 0x71, 1)), 0)
    pulse = chip.pulse_us(0)
    for wake in (bytes((0x00, AI | RESTART)), bytes((6, 0, 0, 0x71, 1))):
        chip.transfer(0x40, bytes((0x00, AI | SLEEP)), 0)
        assert chip.pulse_us(0) is None
        chip.transfer(0x40, bytes((0x00, AI)), 0)
        assert chip.mode1 & RESTART
        assert chip.pulse_us(0) is None
        chip.transfer(0x40, wake, 0)
        assert not chip.mode1 & RESTART
        assert chip.pulse_us(0) == pulse


def test_all_leds_at_once_a_general_call_and_output_enable(chip: Pca9685Emulator) -> None:
    awake(chip).transfer(0x40, bytes((0xFA, 0, 0, 0x71, 1)), 0)
    assert {chip.pulse_us(channel) for channel in range(16)} == {chip.pulse_us(0)} != {None}
    assert chip.transfer(0x40, b"\xfa", 4) == bytes(4)  # they read zero
    chip.output_enable = False
    assert chip.pulse_us(5) is None
    chip.output_enable = True
    chip.transfer(0x40, bytes((0xFD, 0x10)), 0)  # ALL_LED_OFF_H: fully off
    assert chip.pulse_us(5) is None
    chip.transfer(0x00, b"\x06", 0)
    assert chip.mode1 == 0x11


def test_its_pulses_are_as_far_off_as_its_oscillator() -> None:
    slow, right = (awake(Pca9685Emulator(oscillator_hz=hz)) for hz in (0.94 * 25e6, 25e6))
    for chip in (slow, right):
        chip.transfer(0x40, bytes((6, 0, 0, 0x71, 1)), 0)
    assert slow.pulse_us(0) == pytest.approx(right.pulse_us(0) / 0.94)  # type: ignore[operator]
