"""Hokuyo UST-10LX and UST-20LX, and whatever else speaks SCIP 2 (`drivers/scip.py`) over the network.

A scan comes whole, some 25 ms after it began. When its beams were measured is told by its time stamp: the device's clock
against this machine's is known from the scan that arrived with the least delay of late, and no scan arrives sooner than it
was measured.

The device serves one program at a time. After power-up it takes some 10 s until it answers, and some more until its motor
is steady.
"""

from dataclasses import dataclass

import numpy as np

from drivers import scip
from drivers.base import NEVER_S, Clock, LidarReading, LinkLost
from drivers.declared import Declared
from drivers.device_clock import RESONATORS_DRIFT, DeviceClock
from drivers.lidar import LidarSettings, thinned
from drivers.scip import Answer, Geometry
from drivers.tcp_port import TcpPort, host_and_port

ADDRESS, PORT = "192.168.0.10:10940", 10940  # as it comes from the factory
ANSWER_S = 1.0  # to a request; without an answer the start begins again
AGAIN_S = 0.5  # after an answer that it cannot now
SILENCE_S = 1.0  # between scans
DEAD_S = 3.0  # of a connection on which nothing comes: it is made anew
SEND_S = 0.001  # from the last beam of a scan until its bytes are here, at least
BUFFER_MAX = 1 << 16  # without an end, what has come is no answer
LASER_FAILED, LASER_ON = "01", "02"  # BM's statuses
UNSTEADY, ABNORMAL = "0M", "0L"  # of any request
QUESTIONS = ("QT", "VV", "PP", "II", "BM", "MD")
_NO_POINTS = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class HokuyoSettings(LidarSettings):
    """Where one lidar is on the network, and how it is mounted."""

    port: str = ADDRESS

    def __post_init__(self) -> None:
        super().__post_init__()
        if "/" not in self.port:
            host_and_port(self.port, PORT)


class Hokuyo:
    """Driver of one lidar. `open` connects and asks it to stop; the following reads take it through version, geometry and
    state to the scan. Whenever an answer or the scans stay away, the start begins again by itself; `trouble` says what is
    missing meanwhile.
    """

    def __init__(self, settings: HokuyoSettings, clock: Clock) -> None:
        self.settings = settings
        self.model = ""  # "UST-10LX, firmware ..., serial number ...", as it tells
        self.geometry: Geometry | None = None
        self.damaged = 0  # answers that were not whole
        self._clock = clock
        self._port = TcpPort(settings.port, PORT)
        self._angles = _NO_POINTS
        self._device = DeviceClock(scip.STAMP_MS, SEND_S, RESONATORS_DRIFT)
        self._state = ""  # what it tells of itself
        self._buffer = b""
        self._question = -1  # index into QUESTIONS; -1 while it stands; len(QUESTIONS) while it scans
        self._request = ""  # whose answer is awaited
        self._wait_until_s = 0.0
        self._heard_s = 0.0  # when something came last
        self._newest_s = -NEVER_S
        self._revolution = 0
        self._start_trouble = ""

    def open(self) -> None:
        """Connect and begin to start the device. Raises LinkLost with what to do about it."""
        self._port.open()
        self._begin()

    def reconnect(self) -> bool:
        """Go on trying to connect. True when the connection stands, and the start has begun."""
        if not self._port.reconnect():
            return False
        try:
            self._begin()
        except LinkLost:
            return False
        return True

    def _begin(self) -> None:
        if self._question < 0:
            self._start_trouble = ""
        self._buffer, self._device = b"", DeviceClock(scip.STAMP_MS, SEND_S, RESONATORS_DRIFT)
        self._heard_s = self._clock.now()
        self._ask(0)

    def read(self) -> LidarReading:
        """Return the points of the scans that arrived since the last read. Never blocks. Raises LinkLost."""
        data = self._port.read()
        now = self._clock.now()
        self._buffer += data
        if data:
            self._heard_s = now
        *messages, self._buffer = self._buffer.split(scip.END)
        if len(self._buffer) > BUFFER_MAX:
            self._buffer, self.damaged = b"", self.damaged + 1
        scans = []
        for message in messages:
            answer = scip.parse_answer(message.lstrip(b"\n"))
            if answer is None:
                self.damaged += 1
            elif self._question == len(QUESTIONS) and answer.request.startswith(self._request):
                scans += self._take_scan(answer)
            elif answer.request == self._request:
                self._take_answer(answer)
        if self._question >= 0 and now - self._heard_s > DEAD_S:
            raise self._port.give_up(
                f"nothing has come for {DEAD_S:.0f} s: is it still starting up, is another program connected to it, is its "
                "cable in?"
            )
        if scans:
            self._wait_until_s, self._start_trouble = now + SILENCE_S, ""
        elif self._question >= 0 and now > self._wait_until_s:
            self._overdue()
        return self._reading(now, scans[-2:])  # of a backlog, the rest says nothing about now

    def _overdue(self) -> None:
        """Begin the start again."""
        if not self._start_trouble:
            what = "no scans come" if self._question == len(QUESTIONS) else f"no answer to {QUESTIONS[self._question]}"
            self._start_trouble = what
        self._ask(0)

    def _ask(self, question: int) -> None:
        self._question = question
        self._request = QUESTIONS[question]
        if self._request == "MD":
            assert self.geometry is not None
            # From the first step to the last, none joined, no scan left out, without an end.
            self._request = f"MD{self.geometry.first_step:04d}{self.geometry.last_step:04d}01000"
        self._wait_until_s = self._clock.now() + ANSWER_S
        self._port.write(self._request.encode() + b"\n")

    def _again(self, trouble: str) -> None:
        """Say what is wrong, and begin anew in a while."""
        self._start_trouble, self._request = trouble, ""
        self._question = 0
        self._wait_until_s = self._clock.now() + AGAIN_S

    def _take_answer(self, answer: Answer) -> None:
        """Take the start one step further."""
        command = QUESTIONS[self._question]
        if answer.status == UNSTEADY:
            self._again("its motor is not steady yet: it is still starting up")
        elif answer.status == ABNORMAL or (command == "BM" and answer.status == LASER_FAILED):
            self._again(f"it says that its laser or motor has failed ({command} {answer.status}{self._says()}): take its "
                        "power away for a moment; if that does not help, it is broken")  # fmt: skip
            self._port.write(b"RS\n")
        elif answer.status != scip.DONE and not (command == "BM" and answer.status == LASER_ON):
            self._again(f"it refuses {command} with status {answer.status}{self._says()}")
        else:
            self._learn(command, answer)

    def _says(self) -> str:
        return f", it says {self._state!r}" if self._state else ""

    def _learn(self, command: str, answer: Answer) -> None:
        told = answer.fields()
        if command == "VV":
            self.model = (
                f"{told.get('PROD', '?')}, firmware {told.get('FIRM', '?')}, serial number {told.get('SERI', '?')}"
            )
        elif command == "PP":
            try:
                self.geometry = scip.geometry(told)
            except ValueError as error:
                self._again(str(error))
                return
            self._angles = self.geometry.angles_rad()
        elif command == "II":
            self._state = told.get("STAT", "")
        if command == "MD":
            self._question += 1
            self._wait_until_s = self._clock.now() + SILENCE_S
        else:
            self._ask(self._question + 1)

    def _take_scan(self, answer: Answer) -> list[np.ndarray]:
        """The distances (steps,) int32, mm, of a scan that is whole, in a list; when it was complete is remembered."""
        assert self.geometry is not None
        if answer.status == scip.DONE:
            return []  # MD's own answer, once more
        if answer.status != scip.RUNNING:
            self._again(f"it has stopped measuring with status {answer.status}{self._says()}")
            return []
        stamp_ms, distances = answer.stamp_ms(), answer.distances_mm(self.geometry.steps)
        if stamp_ms is None or distances is None:
            self.damaged += 1
            return []
        self._newest_s = self._device.measured_s(stamp_ms, self._clock.now())
        self._revolution += 1
        return [distances]

    def _reading(self, now: float, scans: list[np.ndarray]) -> LidarReading:
        scan_age_s = now - self._newest_s
        if not scans or self.geometry is None:
            return LidarReading(_NO_POINTS, _NO_POINTS, _NO_POINTS, scan_age_s, self._revolution)
        geometry = self.geometry
        kept = thinned(len(scans) * geometry.steps, self._revolution)
        millimetres = np.concatenate(scans)[kept]
        seen = (millimetres >= geometry.nearest_mm) & (millimetres <= geometry.farthest_mm)
        distance_m = np.where(seen, 0.001 * millimetres, 0.0).astype(np.float32)
        angle_rad = np.tile(self._angles, len(scans))[kept]
        self.settings.to_car(angle_rad, distance_m)
        since = np.arange(geometry.steps - 1, -1, -1, dtype=np.float32) * np.float32(geometry.step_s())
        earlier = [np.float32((len(scans) - 1 - k) * geometry.turn_s) for k in range(len(scans))]
        age_s = np.float32(scan_age_s) + np.concatenate([since + age for age in earlier])[kept]
        return LidarReading(angle_rad, distance_m, age_s, scan_age_s, self._revolution)

    def stop(self) -> None:
        """Switch the laser off. Never raises. The scan begins again with `reconnect`."""
        self._question, self._request, self._start_trouble = -1, "", "it was told to stop"
        try:
            self._port.write(b"QT\n")
        except LinkLost:
            return  # it stops when nobody is connected

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well, and while it starts for the first time."""
        if self._port.trouble:
            return self._port.trouble
        return f"{self.settings.port}: {self._start_trouble}" if self._start_trouble else ""

    def close(self) -> None:
        """Release the connection. Never raises."""
        self._port.close()


DRIVER = Declared(
    "hokuyo", "Hokuyo UST-10LX, UST-20LX by SCIP 2 over the network", HokuyoSettings, Hokuyo, LidarReading
)
