r"""A Hokuyo UST-10LX from the other end of the cable: SCIP 2 over one connection, a motor, scans of 270 degrees.

Written from Hokuyo's "Communication Protocol Specification for SCIP 2.0 Standard" and what it says of UST in addition:
1081 of 1440 steps counter-clockwise at 2400 rpm, step 540 ahead; the time stamp is that of step 0; a distance below DMIN is
an error's number, one above DMAX means that nothing came back. A scan is sent when it is complete.

Its vices are those of its relatives: it answers nothing while it boots, and refuses while its motor is not steady; it
stops measuring with a status of its own when the laser fails; answers come late, several in one segment or cut in two; its
clock drifts and begins again at 2^24; it forgets what it was doing when its program hangs up.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.emulators.lidar_beams import in_millimetres, lidar_poses, look, mounted
from drivers.emulators.uart import Uart
from drivers.emulators.world import World

STEPS_A_TURN, FRONT = 1440, 540
FIRST, LAST = 0, 1080
RPM = 2400
BIT_RATE = 100_000_000  # of the network
LINE = 64  # characters of data in a line
STRING_MAX = 16  # characters that a request may carry to be repeated
HEALTH_ERROR = 2
FARTHER_MM = 65533  # where nothing came back
ERRORS = (1, 2, 3, 4, 5)  # instead of a distance
NEAREST_M = 0.05
AT_ONCE_S = 0.0005  # from request to answer


@dataclass(frozen=True)
class HokuyoWiring:
    """How the emulated lidar is made and mounted, how noisy it is (standard deviations), and what it does at its worst."""

    model: str = "UST-10LX"
    range_m: float = 10.0  # on what reflects little
    dmin_mm: int = 20
    dmax_mm: int = 30000
    mount_yaw_rad: float = 0.0  # of step 540 in the car's frame, counter-clockwise positive
    mirrored: bool = False  # upside down
    mount_x_m: float = 0.0  # of its axis, from the car's centre of gravity
    mount_y_m: float = 0.0
    noise_m: float = 0.01
    noise_share: float = 0.001  # of the distance
    drop_out: float = 0.01  # share of the beams
    speed_error: float = 0.005  # share by which the motor's speed differs from the nominal one, drawn once
    boot_s: float = 0.0  # from power-up, in which it answers nothing
    steady_s: float = 0.0  # from then on, until its motor is steady
    clock_ms: int = 4_000  # its time stamp when the world begins
    clock_drift: float = 50e-6  # share by which its clock runs fast
    late_s: float = 0.002  # a scan is sent so much after its last beam, at most
    stall_rate: float = 0.002  # share of the scans that are held back
    stall_s: float = 0.06  # ... for so long, and what follows with them


@njit(cache=True)
def sweep(first, count, begin_s, step_s, before, after, after_s, distance_m, frame, people, noise, lost, error_m,
          error_rel, range_m, mount, millimetres):  # fmt: skip
    """Distances (count,) float64, mm, of the steps first .. first+count-1 of a turn that began at begin_s; 0: nothing."""
    angles, metres = np.empty(count, np.float32), np.empty(count, np.float32)
    pose_from, pose_to = np.empty(3), np.empty(3)
    lidar_poses(begin_s + (first - 1) * step_s, begin_s + (first + count - 1) * step_s, before, after, after_s, mount,
                pose_from, pose_to)  # fmt: skip
    for k in range(count):
        angles[k] = mount[2] + mount[3] * (first + k - FRONT) * (2.0 * math.pi / STEPS_A_TURN)
    look(angles, pose_from, pose_to, distance_m, frame, people, range_m, metres)
    in_millimetres(metres, noise, lost, error_m, error_rel, NEAREST_M, millimetres)


def with_sum(line: bytes) -> bytes:
    """A line, with the character that is the sum of the others, and its end."""
    return line + bytes([(sum(line) & 0x3F) + 0x30]) + b"\n"


def encoded(values: np.ndarray, characters: int) -> bytes:
    """Numbers (n,) in 6 bits a character, the highest first."""
    shifts = 6 * np.arange(characters - 1, -1, -1)
    return ((values[:, None].astype(np.int64) >> shifts & 0x3F) + 0x30).astype(np.uint8).tobytes()


def in_lines(data: bytes) -> bytes:
    """Data in lines of LINE characters, each with its sum."""
    return b"".join(with_sum(data[k : k + LINE]) for k in range(0, len(data), LINE))


class HokuyoEmulator:
    """The lidar on `World`'s car. Feed it with `receive`, move it with `run`."""

    def __init__(self, world: World, wiring: HokuyoWiring, rng: np.random.Generator) -> None:
        self.uart = Uart(BIT_RATE, rng)
        self.frozen = False  # sends nothing and hears nothing
        self.health = 0
        self._world, self._wiring, self._rng = world, wiring, rng
        self._mount = mounted(wiring)
        self._turn_s = 60.0 / RPM / (1.0 + wiring.speed_error * float(rng.standard_normal()))
        self._step_s = self._turn_s / STEPS_A_TURN
        self._lines = b""
        self._asked: deque[tuple[float, str]] = deque()
        self._power_s = 0.0  # when it was switched on
        self._clock_s = 0.001 * wiring.clock_ms  # of its clock, at time 0
        self._laser = False
        self._rebooting = False  # asked for once
        self._begin_s = 0.0  # of a turn: step 0
        self._done = 0  # steps of this turn that are measured
        self._millimetres = np.zeros(LAST + 1)
        self._request, self._wanted = "", 0  # MD that is being served, scans that are left; 0: without an end
        self._once = ""  # GD that waits for a scan
        self._held_until_s = -math.inf
        self._late: deque[tuple[float, bytes]] = deque()

    # What the host says

    def connected(self) -> None:
        """Somebody else has connected: what it was asked before is forgotten."""
        self._lines, self._request, self._once = b"", "", ""
        self._asked.clear()
        self._late.clear()
        self.uart.clear()

    def receive(self, data: bytes, at_s: float) -> None:
        """Bytes that the host puts on the wire at a time."""
        begin_s = self.uart.receive(len(data), at_s)
        if self.frozen or at_s < self._power_s + self._wiring.boot_s:
            return
        *lines, self._lines = (self._lines + data.replace(b"\r", b"\n")).split(b"\n")
        self._lines = self._lines[-256:]
        for line in lines:
            if line:
                self._asked.append((begin_s + AT_ONCE_S, line.decode("ascii", "replace")))

    def run(self, until_s: float) -> None:
        """Answer what was asked by a time in the world's last step, and measure until then."""
        while self._asked and self._asked[0][0] <= until_s:
            at_s, line = self._asked.popleft()
            self._measure(at_s)
            if not self.frozen:
                self._obey(at_s, line)
        self._measure(until_s)
        while self._late and self._late[0][0] <= until_s:
            at_s, data = self._late.popleft()
            self.uart.send(data, at_s)

    def _answer(self, at_s: float, line: str, status: str, body: bytes = b"") -> None:
        if not self.frozen:
            self.uart.send(line.encode() + b"\n" + with_sum(status.encode()) + body + b"\n", at_s)

    def _obey(self, at_s: float, line: str) -> None:
        request, _, string = line.partition(";")
        size = 3 if request.startswith("%") else 2
        command, parameters = request[:size], request[size:]
        rebooting, self._rebooting = self._rebooting, False
        if len(string) > STRING_MAX:
            self._answer(at_s, line, "0G")
        elif command in ("VV", "PP", "II", "%ST"):
            told = {"VV": self._version, "PP": self._parameters, "II": self._information, "%ST": self._mode}[command]
            self._answer(at_s, line, "00", told(at_s))
        elif command in ("QT", "RS", "RT"):
            self._laser, self._request, self._once = False, "", ""
            if command == "RS":
                self._clock_s = -at_s * (1.0 + self._wiring.clock_drift)
            self._answer(at_s, line, "00")
        elif command == "RB":
            self._rebooting = not rebooting
            self._answer(at_s, line, "00" if rebooting else "01")
            if rebooting:
                self.reboot(at_s)
        elif command == "TM" and parameters in ("0", "1", "2"):
            self._answer(at_s, line, "00", self._stamp(at_s) if parameters == "1" else b"")
        elif command in ("BM", "MD", "GD") and self.health == HEALTH_ERROR:
            self._answer(at_s, line, "01" if command == "BM" else "0L")
        elif command in ("BM", "MD", "GD") and not self._steady(at_s):
            self._answer(at_s, line, "0M")
        elif command == "BM":
            self._answer(at_s, line, "02" if self._laser else "00")
            self._laser = True
        elif command == "MD":
            self._obey_md(at_s, line, parameters)
        elif command == "GD":
            self._once = line if self._laser and self._whole(parameters[:8]) else ""
            if not self._once:
                self._answer(at_s, line, "10")
        else:
            self._answer(at_s, line, "0E")

    def _whole(self, steps: str) -> bool:
        return steps == f"{FIRST:04d}{LAST:04d}"

    def _obey_md(self, at_s: float, line: str, parameters: str) -> None:
        """Steps, how many are joined, scans left out, scans wanted."""
        if len(parameters) != 13:
            self._answer(at_s, line, "0C")
        elif not parameters.isdecimal():
            self._answer(at_s, line, "01")
        elif not self._whole(parameters[:8]) or parameters[8:11] not in ("000", "010"):
            self._answer(at_s, line, "04")
        else:
            self._laser, self._request, self._wanted = True, line, int(parameters[11:])
            self._answer(at_s, line, "00")

    def reboot(self, at_s: float) -> None:
        """Switch it off and on."""
        self.connected()
        self._laser = False
        self._power_s, self._clock_s = at_s, -at_s

    def _steady(self, at_s: float) -> bool:
        return at_s >= self._power_s + self._wiring.boot_s + self._wiring.steady_s

    # What it tells of itself

    def _fields(self, told: dict[str, object]) -> bytes:
        lines = [f"{name}:{value}".encode() for name, value in told.items()]
        return b"".join(line + b";" + with_sum(line)[-2:] for line in lines)

    def _version(self, at_s: float) -> bytes:
        return self._fields({"VEND": "Hokuyo Automatic Co.,Ltd.", "PROD": f"SOKUIKI Sensor {self._wiring.model}",
                             "FIRM": "1.1.0", "PROT": "SCIP 2.2", "SERI": "H1234567"})  # fmt: skip

    def _parameters(self, at_s: float) -> bytes:
        wiring = self._wiring
        return self._fields({"MODL": wiring.model, "DMIN": wiring.dmin_mm, "DMAX": wiring.dmax_mm, "ARES": STEPS_A_TURN,
                             "AMIN": FIRST, "AMAX": LAST, "AFRT": FRONT, "SCAN": RPM})  # fmt: skip

    def _information(self, at_s: float) -> bytes:
        failed = self.health == HEALTH_ERROR
        return self._fields({"MODL": self._wiring.model, "LASR": "ON" if self._laser else "OFF", "SCSP": RPM,
                             "MESM": "Measuring" if self._request else "Idle", "SBPS": "Ethernet 100 [Mbps]",
                             "TIME": f"{self._milliseconds(at_s):06X}",
                             "STAT": "203 laser error." if failed else "000 no error."})  # fmt: skip

    def _mode(self, at_s: float) -> bytes:
        return with_sum(b"900" if self.health == HEALTH_ERROR else b"004" if self._request else b"003" if self._laser else b"000")  # fmt: skip

    def _milliseconds(self, at_s: float) -> int:
        return math.floor(1000.0 * (self._clock_s + at_s * (1.0 + self._wiring.clock_drift))) & 0xFFFFFF

    def _stamp(self, at_s: float) -> bytes:
        return with_sum(encoded(np.array([self._milliseconds(at_s)]), 4))

    # What it measures

    def _measure(self, until_s: float) -> None:
        """Take the steps up to a time; tell every scan that is complete."""
        while True:
            due = min(STEPS_A_TURN, math.floor((until_s - self._begin_s) / self._step_s + 1e-6) + 1)
            last = min(LAST + 1, due)
            if last > self._done:
                self._sweep(self._done, last - self._done)
                self._done = last
                if last == LAST + 1:
                    self._tell()
            if due < STEPS_A_TURN:
                return
            self._begin_s += self._turn_s
            self._done = 0
            if until_s < self._begin_s:
                return

    def _sweep(self, first: int, count: int) -> None:
        if not (self._laser and (self._request or self._once)):
            return
        world, wiring = self._world, self._wiring
        sweep(
            first, count, self._begin_s, self._step_s, world.before, world.moving, world.time_s, world.distance_m,
            world.frame, world.people.at, self._rng.standard_normal(count), self._rng.random(count) < wiring.drop_out,
            wiring.noise_m, wiring.noise_share, wiring.range_m, self._mount,
            self._millimetres[first : first + count],
        )  # fmt: skip

    def _tell(self) -> None:
        """Send the scan that is complete, or what has happened to it."""
        end_s = self._begin_s + LAST * self._step_s
        if not (self._laser and (self._request or self._once)) or self.frozen or not self._steady(self._begin_s):
            return
        at_s = max(end_s + self._rng.uniform(0.2, 1.0) * self._wiring.late_s, self._held_until_s)
        if self._rng.random() < self._wiring.stall_rate:
            at_s = self._held_until_s = at_s + self._wiring.stall_s
        if self.health == HEALTH_ERROR:
            line = self._request or self._once
            self._request, self._once, self._laser = "", "", False
            self._late.append((at_s, line.encode() + b"\n" + with_sum(b"50") + b"\n"))
            return
        scan = np.rint(self._millimetres).astype(np.int64)
        nothing = scan < self._wiring.dmin_mm
        scan[nothing] = np.where(
            self._rng.random(np.count_nonzero(nothing)) < 0.5,
            FARTHER_MM,
            self._rng.choice(ERRORS, np.count_nonzero(nothing)),
        )
        body = self._stamp(self._begin_s) + in_lines(encoded(scan, 3))
        if self._once:
            self._late.append((at_s, self._once.encode() + b"\n" + with_sum(b"00") + body + b"\n"))
            self._once = ""
        if self._request:
            self._wanted = self._wanted - 1 if self._wanted else 0
            # The request is repeated with the number of scans that are left in the place of those that were asked for
            line = self._request[:13] + f"{self._wanted:02d}" + self._request[15:]
            self._late.append((at_s, line.encode() + b"\n" + with_sum(b"99") + body + b"\n"))
            if self._wanted == 0 and self._request[13:15] != "00":
                self._request = ""

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time."""
        return self.uart.arrived(until_s)
