"""The guardian: a tiny process that stops the car when the control process no longer can.

    python -m robot.safety.guardian PORT STATUS CONTROL_PID HEARTBEAT_LIMIT_MS

A VESC that hears nothing keeps its last command for 1000 ms and then coasts. The guardian watches the control process
through its pidfd and through the heartbeat in its status block. When control has died it opens the motor controller's
port, brakes until the wheels stand, and leaves the motor at zero current. While control lives but its heartbeat is too
old, it brakes too, without reading from the port, until the heartbeat goes on.

It never fights a living controller: it acts for one process id only, and stops acting as soon as the status block shows
another one. In lockstep the devices' time stands still when control is dead, so one brake frame is all there is to say.
"""

import os
import select
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path
from struct import Struct

from drivers.vesc import BAUD, GET_VALUES, SET_CURRENT, SET_CURRENT_BRAKE, FrameParser, VescSettings, frame
from robot.practice.blocks import CONTROL_STATUS, SharedRecord
from robot.realtime import become_realtime

HEARTBEAT_LIMIT_MS = 100
POLL_MS = 10
FRAME_EVERY_S = 0.02
BRAKING_MAX_S = 3.0  # a car at 6 m/s stands after 0.7
STANDING_ERPM = 200  # 0.04 m/s
STANDING_ANSWERS = 3  # in a row

_COMMAND = Struct(">Bi")
BRAKE = frame(_COMMAND.pack(SET_CURRENT_BRAKE, round(1000 * VescSettings.brake_current_a)))
ZERO_THROTTLE = frame(_COMMAND.pack(SET_CURRENT, 0))
ASK = frame(bytes([GET_VALUES]))
_ERPM = Struct(">23xi")  # where GET_VALUES answers with it
_BAUDS = {BAUD: termios.B115200}


class MotorPort:
    """The motor controller's port, shared with nobody who still lives."""

    def __init__(self, path: str) -> None:
        """Open it. Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._parser = FrameParser(payload_max=128)

    def configure(self) -> None:
        """Raw bytes at the controller's speed, in case nobody had set the port up."""
        tty.setraw(self._descriptor)
        settings = termios.tcgetattr(self._descriptor)
        settings[4] = settings[5] = _BAUDS[BAUD]
        termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)
        termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def send(self, data: bytes) -> None:
        """Queue bytes; what a full buffer does not take is sent again by the next call's frames. Raises OSError."""
        try:
            os.write(self._descriptor, data)
        except BlockingIOError:
            return

    def erpm(self) -> list[int]:
        """The motor speeds that were answered since the last call. Raises OSError."""
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return []
        payloads = self._parser.feed(data)
        return [_ERPM.unpack_from(p)[0] for p in payloads if p[0] == GET_VALUES and len(p) >= _ERPM.size]

    def close(self) -> None:
        os.close(self._descriptor)


class Watch:
    """What the guardian knows of the control process that it watches."""

    def __init__(self, status_name: str, control_pid: int, limit_ms: int) -> None:
        self.pid = control_pid
        self._status = SharedRecord.attach(status_name, CONTROL_STATUS)
        self._limit_ns = limit_ms * 1_000_000
        self._begin_ns = time.monotonic_ns()  # an older heartbeat is a predecessor's
        try:
            self._pidfd = os.pidfd_open(control_pid)
        except ProcessLookupError:
            self._pidfd = -1
        self._poll = select.poll()
        if self._pidfd >= 0:
            self._poll.register(self._pidfd, select.POLLIN)

    def dead(self, wait_ms: int) -> bool:
        """Whether the process has ended; waits for it that long."""
        return self._pidfd < 0 or bool(self._poll.poll(wait_ms))

    def finished(self) -> bool:
        """Whether the process had brought the car to rest by itself, or never drove it."""
        status = self._status.read()
        return int(status["pid"]) == self.pid and bool(status["finished"])

    def succeeded(self) -> bool:
        """Whether another control process is in charge now."""
        pid = int(self._status.read()["pid"])
        return pid not in (0, self.pid) and Path(f"/proc/{pid}").exists()

    def silent(self) -> bool:
        """Whether it lives and drives, but has not said so for too long."""
        status = self._status.read()
        heartbeat_ns = int(status["heartbeat_ns"])
        if int(status["pid"]) != self.pid or status["finished"] or heartbeat_ns < self._begin_ns:
            return False
        return 0 < self._limit_ns < time.monotonic_ns() - heartbeat_ns


def stop_car(path: str, watch: Watch) -> str:
    """Brake until the wheels stand, leave the motor at zero current; returns what happened, for the log."""
    begin = time.monotonic()
    port = MotorPort(path)
    standing = 0
    try:
        port.configure()
        while time.monotonic() - begin < BRAKING_MAX_S:
            if watch.succeeded():
                return f"another control process is in charge after {time.monotonic() - begin:.2f} s"
            port.send(BRAKE + ASK)
            time.sleep(FRAME_EVERY_S)
            for erpm in port.erpm():
                standing = standing + 1 if abs(erpm) < STANDING_ERPM else 0
            if standing >= STANDING_ANSWERS:
                port.send(ZERO_THROTTLE)
                return f"the car stands after {time.monotonic() - begin:.2f} s"
        port.send(ZERO_THROTTLE)
        return f"braked for {BRAKING_MAX_S} s; the motor controller did not say that the car stands"
    finally:
        port.close()


def brake_while_silent(path: str, watch: Watch) -> str:
    """Brake until the heartbeat goes on or the process ends; returns what happened, for the log."""
    begin = time.monotonic()
    port = MotorPort(path)
    try:
        while watch.silent() and not watch.dead(0):
            port.send(BRAKE)
            time.sleep(FRAME_EVERY_S)
    finally:
        port.close()
    return f"braked for {time.monotonic() - begin:.2f} s while control was silent"


def say(text: str) -> None:
    print(f"guardian: {text}", file=sys.stderr, flush=True)


def guard(port: str, watch: Watch, lockstep: bool) -> None:
    """Watch until the control process has ended, and act where it is needed."""
    while not watch.dead(POLL_MS):
        if watch.silent():
            say(brake_while_silent(port, watch))
    if watch.finished() or watch.succeeded():
        return
    say(f"control process {watch.pid} died: braking")
    if not lockstep:
        say(stop_car(port, watch))
        return
    motor = MotorPort(port)
    motor.send(BRAKE)
    motor.close()


class Guardian:
    """A running guardian process."""

    def __init__(self, process: subprocess.Popen[bytes], control_pid: int) -> None:
        self.process = process
        try:
            self._control = os.pidfd_open(control_pid)
        except ProcessLookupError:
            self._control = -1

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it; if its control process is dead, only after it has done its work."""
        if self._control < 0 or select.select([self._control], [], [], 0.0)[0]:
            try:
                self.process.wait(BRAKING_MAX_S + 1.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.terminate()
        self.process.wait()
        if self._control >= 0:
            os.close(self._control)
            self._control = -1


def start_guardian(port: str, status_name: str, control_pid: int, heartbeat: bool, log: Path | None = None) -> Guardian:
    """Start watching a control process; returns when the guardian is ready.

    port: of the motor controller; status_name: the shared CONTROL_STATUS record; heartbeat: False in lockstep, where
    only the death of the process counts; log: file that its lines are added to, else they go to stderr.
    Raises RuntimeError if it does not start.
    """
    limit = str(HEARTBEAT_LIMIT_MS if heartbeat else 0)
    command = [sys.executable, "-m", "robot.safety.guardian", port, status_name, str(control_pid), limit]
    with open(log, "ab") if log else os.fdopen(os.dup(2), "wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
    assert process.stdout is not None
    with process.stdout as ready:
        if ready.readline() != b"watching\n":
            process.kill()
            raise RuntimeError(f"the guardian of process {control_pid} did not start")
    return Guardian(process, control_pid)


def main() -> None:
    port, status_name, pid, limit_ms = sys.argv[1:]
    watch = Watch(status_name, int(pid), int(limit_ms))
    become_realtime()
    print("watching", flush=True)
    try:
        guard(port, watch, lockstep=limit_ms == "0")
    except OSError as error:
        say(f"{port}: {error.strerror}: the car is out of reach")
        sys.exit(1)


if __name__ == "__main__":
    main()
