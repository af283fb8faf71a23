"""A virtual Crazyflie in this process, its time in the hands of who flies it: the real driver and the real cflib, without radio.

cflib connects with its threads as ever, while the drone's time stands still. Then they are ended, and `LockstepCrazyflie`
does what they do, packet by packet, whenever a millisecond has passed: so the same flight comes out each time, as fast as
the machine can, and the process may fork. The link loses nothing and takes no time; it can be cut, and who listens to it can
be stopped for a while, as by SIGSTOP: what arrives meanwhile waits, as far as there is room.
"""

import itertools
import queue
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import cflib.crazyflie
import cflib.crtp
from cflib.crazyflie.param import MISC_CHANNEL
from cflib.crtp.crtpdriver import CRTPDriver
from cflib.crtp.crtpstack import CRTPPacket
from cflib.crtp.exceptions import WrongUriType

from drivers.crazyflie import Crazyflie, CrazyflieSettings
from drivers.emulators.crazyflie import truth_of
from drivers.emulators.crazyflie_firmware import Firmware
from drivers.emulators.virtual_motion_capture import Frames
from drivers.motion_capture import MotionCapture, MotionCaptureSettings

SCHEME = "lockstep://"
WAITING_MAX = 277  # packets that a socket of Linux holds for a program that is stopped; later ones are dropped
STEP_S = 0.001
ENDS_S = 5.0  # for a thread

numbers = itertools.count()


class LockstepLink(CRTPDriver):
    """cflib's link to a drone of this process, by its address."""

    drones: ClassVar[dict[str, Firmware]] = {}

    def __init__(self) -> None:
        CRTPDriver.__init__(self)
        self.needs_resending = False
        self.cut = False  # nothing passes, in either direction
        self.arrived: queue.Queue[bytes] = queue.Queue()

    def connect(self, uri: str, radio_link_statistics_callback: object, link_error_callback: object) -> None:
        """Raises WrongUriType, by which cflib looks for another driver."""
        if uri not in self.drones:
            raise WrongUriType(f"{uri}: no drone of this process")
        self.firmware = self.drones[uri]

    def send_packet(self, pk: CRTPPacket) -> None:
        """The drone carries out what it is asked, and answers, at once."""
        if not self.cut:
            answer = self.firmware.receive(bytes((pk.header,)) + bytes(pk.data))
            if answer is not None:
                self.take([answer])

    def take(self, datagrams: list[bytes]) -> None:
        """What the drone sends."""
        for datagram in datagrams:
            if not self.cut and self.arrived.qsize() < WAITING_MAX:
                self.arrived.put(datagram)

    def receive_packet(self, wait: float = 0) -> CRTPPacket | None:
        try:
            datagram = self.arrived.get(wait > 0, wait if wait > 0 else None)
        except queue.Empty:
            return None
        return CRTPPacket(datagram[0], datagram[1:])

    def get_name(self) -> str:
        return "lockstep"

    def scan_interface(self, address: object = None) -> list[list[str]]:
        return []


class DroneClock:
    """The drone's clock, which goes on when somebody waits for it."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self.after_step: Callable[[], None] = lambda: None

    def now(self) -> float:
        return STEP_S * self._firmware.now_ms

    def sleep_until(self, time_s: float) -> None:
        last_ms = round(time_s / STEP_S)
        while self._firmware.now_ms < last_ms:
            self._firmware.tick()
            self.after_step()


class LockstepCrazyflie(Crazyflie):
    """The driver of a drone of this process. stopped: the program that flies it is, and hears nothing."""

    def __init__(
        self, firmware: Firmware, settings: CrazyflieSettings, log_period_ms: int, extra: tuple[str, ...]
    ) -> None:
        self.clock = DroneClock(firmware)
        uri = f"{SCHEME}{next(numbers)}"
        super().__init__(replace(settings, uri=uri), self.clock, log_period_ms, extra)
        self.stopped = False
        self.cameras: LockstepCapture | None = None  # whose poses this host forwards
        self._drone = firmware

    def open(self) -> None:
        """Connect, and go on without threads. Raises LinkLost."""
        if LockstepLink not in cflib.crtp.CLASSES:
            cflib.crtp.init_drivers()
            cflib.crtp.CLASSES.insert(0, LockstepLink)
        LockstepLink.drones[self.settings.uri] = self._drone
        super().open()
        del LockstepLink.drones[self.settings.uri]
        cf = self._connected()
        cf.link_statistics.stop()
        updater = cf.param.param_updater
        updater._should_close = True
        updater.request_queue.put(None)
        cf.incoming.stop()
        for thread in (cf.incoming, updater):
            thread.join(ENDS_S)
        self.clock.after_step = self._exchange

    @property
    def link(self) -> LockstepLink:
        """That of the open connection."""
        link = self._connected().link
        assert isinstance(link, LockstepLink)
        return link

    def _exchange(self) -> None:
        """What is sent in this millisecond, and, unless the host is stopped, what its threads would do about it."""
        self.link.take(self._drone.outgoing())
        if self.cameras is not None:
            self.cameras.look(self._drone)
        if not self.stopped:
            self.take_in()
            if self.cameras is not None:
                self.cameras.forward()

    def take_in(self) -> None:
        """Hand on all that has arrived, and send what waits for its turn."""
        cf, link = self._connected(), self.link
        while True:
            self._ask(cf)
            packet = link.receive_packet()
            if packet is None:
                return
            cf.packet_received.call(packet)
            for each in list(cf.incoming.cb):
                if each.port == packet.port & each.port_mask and each.channel == packet.channel & each.channel_mask:
                    each.callback(packet)

    def _ask(self, cf: cflib.crazyflie.Crazyflie) -> None:
        """Parameters one by one: the next when the last is answered (as cflib's `_ParamUpdater.run`)."""
        updater = cf.param.param_updater
        while not updater.request_queue.empty() and updater.wait_lock.acquire(blocking=False):
            question = updater.request_queue.get()
            updater._lock_pattern = question.data[: 3 if question.channel == MISC_CHANNEL else 2]
            cf.send_packet(question)


class LockstepCapture(MotionCapture):
    """What forwards the poses of a drone of this process, without a thread and a port. Poses too wait for a host that is stopped."""

    def __init__(self, body: str, driver: LockstepCrazyflie, seed: int) -> None:
        super().__init__(MotionCaptureSettings(body, file="none"), driver.clock, driver)
        self._frames, self._waiting = Frames(body, seed), deque[bytes]()

    def open(self) -> None:
        """Messages are handed over."""
        self._source = Handed()

    def look(self, firmware: Firmware) -> None:
        """What arrives in this millisecond; what there is no room for is lost."""
        for message in self._frames.arrived(self._clock.now(), lambda: truth_of(firmware)):
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(message)

    def forward(self) -> None:
        while self._waiting:
            self.take(self._waiting.popleft())


class Handed:
    """A source that nobody has to wait for."""

    def read(self) -> list[bytes]:
        return []

    def close(self) -> None: ...
