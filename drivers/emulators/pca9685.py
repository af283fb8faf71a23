"""A PCA9685 from the other end of the bus, from NXP's data sheet, rev. 4: registers, pulses, and what it does when nobody asks.

- After power-up it sleeps, answers at its own address and at 0x70 (ALLCALL), and every output is fully off (7.3.1, table 5, 7).
- PRE_SCALE is written while it sleeps alone, is never less than 3, and counts from the next waking on (7.3.5).
- Registers count up in one transfer with AI alone: 0x00 to 0x45, from the last LED on to 0x00, and 0xFA to 0xFF (7.3, table 4).
- Outputs change at the STOP, or at each ACK with OCH. LEDn_ON and _OFF: full on, full off, full off wins (7.3.3, table 7).
- ALL_LED registers write all sixteen, and read zero (7.3.4).
- SLEEP stops the oscillator and the outputs; RESTART then reads 1 if anything was pulsing. Writing 1 to it while awake resumes;
  so does writing any LED register after waking, with what was written (7.3.1.1).
- EXTCLK sticks until power-up or reset. General call 0x00 with 0x06 resets every chip on the bus (7.6).
- It has no watchdog: what it was told last it pulses for ever.

Its oscillator is off by several per cent, each chip's by its own.
"""

import errno

STEPS = 4096
MODE1, MODE2, SUBADR1, SUBADR3, ALLCALLADR, LED0, LED_END = 0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x46
ALL_LED, ALL_LED_END, PRE_SCALE, TEST_MODE = 0xFA, 0xFE, 0xFE, 0xFF
RESTART, EXTCLK, AI, SLEEP, SUB1, SUB2, SUB3, ALLCALL = (1 << bit for bit in range(7, -1, -1))
OCH = 0x08
FULL = 0x10
GENERAL_CALL, RESET = 0x00, b"\x06"
NOMINAL_HZ = 25e6


class Pca9685Emulator:
    """One chip. oscillator_hz: its own; output_enable: the pin /OE, low where it is true.

    stuck: something holds the bus; silent: the chip has no power for its logic, or its wires are off.
    """

    def __init__(self, address: int = 0x40, oscillator_hz: float = NOMINAL_HZ) -> None:
        self.address, self.oscillator_hz = address, oscillator_hz
        self.output_enable = True
        self.stuck = self.silent = False
        self.power_up()

    def power_up(self) -> None:
        """Power comes, or a reset: every register as in the data sheet."""
        self._mode1, self._mode2 = SLEEP | ALLCALL, 0x04
        self._addresses = bytearray((0xE2, 0xE4, 0xE8, 0xE0))
        self._leds = bytearray(b"\0\0\0\x10" * 16)
        self._outputs = bytes(self._leds)
        self._pre_scale = 0x1E
        self._register = 0

    @property
    def mode1(self) -> int:
        return self._mode1

    @property
    def frequency_hz(self) -> float:
        return self.oscillator_hz / (STEPS * (self._pre_scale + 1))

    def pulse_us(self, channel: int) -> float | None:
        """Of one output, microseconds in each period; None where there is no pulse, the whole period where it is fully on."""
        on, off = (self._outputs[4 * channel + k] | self._outputs[4 * channel + k + 1] << 8 for k in (0, 2))
        if not self.output_enable or self._mode1 & (SLEEP | RESTART) or off & 0x1000:
            return None
        counts = STEPS if on & 0x1000 else (off - on) % STEPS
        return 1e6 * counts * (self._pre_scale + 1) / self.oscillator_hz if counts else None

    def transfer(self, address: int, data: bytes, read: int) -> bytes:
        """A write, then with a repeated start a read; either may be empty. Raises OSError as Linux does."""
        if self.stuck:
            raise OSError(errno.ETIMEDOUT, "connection timed out")
        if address == GENERAL_CALL and not self.silent:
            if data == RESET:
                self.power_up()
            return b""
        if self.silent or not self._is_mine(address):
            raise OSError(errno.EREMOTEIO, "remote I/O error")
        if data:
            self._register = data[0]
        for value in data[1:]:
            self._write(self._register, value)
            self._count_up()
            if self._mode2 & OCH:
                self._outputs = bytes(self._leds)
        if len(data) > 1:
            self._outputs = bytes(self._leds)
        answer = bytearray()
        for _ in range(read):
            answer.append(self._read(self._register))
            self._count_up()
        return bytes(answer)

    def _is_mine(self, address: int) -> bool:
        called = zip((SUB1, SUB2, SUB3, ALLCALL), self._addresses, strict=True)
        return address == self.address or any(self._mode1 & bit and address == told >> 1 for bit, told in called)

    def _count_up(self) -> None:
        if not self._mode1 & AI:
            return
        following = self._register + 1
        self._register = 0 if following in (LED_END, TEST_MODE + 1) else following

    def _read(self, register: int) -> int:
        if register == MODE1:
            return self._mode1
        if register == MODE2:
            return self._mode2
        if SUBADR1 <= register <= ALLCALLADR:
            return self._addresses[register - SUBADR1]
        if LED0 <= register < LED_END:
            return self._leds[register - LED0]
        return self._pre_scale if register == PRE_SCALE else 0

    def _write(self, register: int, value: int) -> None:
        if register == MODE1:
            self._write_mode1(value)
        elif register == MODE2:
            self._mode2 = value & 0x1F
        elif SUBADR1 <= register <= ALLCALLADR:
            self._addresses[register - SUBADR1] = value & 0xFE
        elif LED0 <= register < LED_END:
            self._write_led(register - LED0, value)
        elif ALL_LED <= register < ALL_LED_END:
            for channel in range(16):
                self._write_led(4 * channel + register - ALL_LED, value)
        elif register == PRE_SCALE and self._mode1 & SLEEP:
            self._pre_scale = max(3, value)

    def _write_led(self, at: int, value: int) -> None:
        self._leds[at] = value & (0x1F if at % 2 else 0xFF)
        if not self._mode1 & SLEEP:
            self._mode1 &= ~RESTART

    def _write_mode1(self, value: int) -> None:
        sleeps = bool(value & SLEEP)
        external = EXTCLK if self._mode1 & EXTCLK or (value & EXTCLK and self._mode1 & SLEEP and sleeps) else 0
        restart = self._mode1 & RESTART
        if sleeps and not self._mode1 & SLEEP and any(not self._leds[4 * k + 3] & FULL for k in range(16)):
            restart = RESTART
        elif value & RESTART and not sleeps:
            restart = 0
        self._mode1 = restart | external | value & (AI | SLEEP | SUB1 | SUB2 | SUB3 | ALLCALL)
