"""A guardian: a small process that stops the car when the control process no longer can.

    python -m robot.safety.guardian SESSION.json RANK

A VESC that hears nothing keeps its last command for 1000 ms and then coasts. The guardian watches whichever control
process is in charge, through its pidfd and through the heartbeat in its status block. When control has died it opens
the motor controller's port and carries out the stop that control had verified last (`robot.robots.car.shield.stop_plan`): steering
and braking, held to it by wheels and gyro, until the wheels stand; then it leaves the motor at zero current. While
control lives but its heartbeat is too old it does the same until the heartbeat goes on.

There are two, each in a session of its own, where no terminal's signal reaches it. The one of rank 1 acts where the one
of rank 0 does not: it looks at its heartbeat too. Which of both acts does not matter, they would say the same.

It never fights a living controller: it acts for the process that the status block names, and stops acting as soon as
that is another one. In lockstep the devices' time stands still when control is dead, so one frame is all there is to say.

When the session has died, and control after it, the guardians are the last to go: they remove what is left.
"""

import os
import select
import sys
import time
from pathlib import Path

from drivers.base import LinkLost, VescReading
from drivers.serial_port import SerialPort
from drivers.vesc import Vesc, VescSettings
from robot.robots.car.devices import vesc_settings
from robot.robots.car.shield.stop_follower import StopFollower
from robot.robots.car.shield.stop_plan import NOTICED_TICKS, TICK_NS, StopPlan
from robot.robots.robot_file import load_robot
from robot.runtime import left_behind
from robot.runtime.clock import RealClock
from robot.runtime.realtime import become_realtime
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.shared_memory.blocks import (
    CONTROL_STATUS,
    GUARDIAN_STATUS,
    SESSION_STATUS,
    SharedRecord,
)

HEARTBEAT_LIMIT_S = 0.06  # of control: three ticks; a process that is killed needs longer to be gone
BUDDY_LIMIT_S = 0.05  # of the other guardian
HUNG_S = 1.0  # a guardian without a heartbeat for so long will not come back by itself
POLL_S = 0.01
FRAME_EVERY_S = 0.02
BRAKING_MAX_S = 5.0  # a car at 6 m/s stands after 0.7, on a quarter of the grip after 3
STANDING_M_S = 0.04
STANDING_ANSWERS = 3  # in a row
LOOK_EVERY_S = 0.25  # at the session
ORPHANS_MAX_S = 12.0  # for the processes of a session that died to end by themselves


def age_s(heartbeat_ns: int) -> float:
    return 1e-9 * (time.monotonic_ns() - heartbeat_ns)


class Control:
    """What a guardian knows of the control process that is in charge."""

    def __init__(self, session_path: Path) -> None:
        session = SessionFile.load(session_path)
        self._session_path = session_path
        self._status = SharedRecord.attach(session.names["control"], CONTROL_STATUS)
        self._pidfd = -1
        self.lockstep = session.lockstep
        self.pid = 0
        self.settings = VescSettings()

    def follow(self) -> None:
        """Turn to the process that the status block names, if that is another one now."""
        pid = self._status.peek("pid")
        if pid == self.pid:
            return
        session = SessionFile.load(self._session_path)
        self.settings = vesc_settings(session.ports["vesc"], load_robot(session.robot))
        self.pid = pid
        if self._pidfd >= 0:
            os.close(self._pidfd)
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._pidfd = -1

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the process."""
        if self._pidfd >= 0 and not self.dead():
            select.select([self._pidfd], [], [], seconds)
        else:
            time.sleep(seconds)

    def dead(self) -> bool:
        return self.pid != 0 and (self._pidfd < 0 or bool(select.select([self._pidfd], [], [], 0.0)[0]))

    def replaced(self) -> bool:
        return self._status.peek("pid") != self.pid

    def helpless(self) -> bool:
        """Whether it drove, had not brought the car to rest, and is dead or has fallen silent."""
        if self.pid == 0 or self.replaced() or self._status.peek("finished"):
            return False
        return self.dead() or (not self.lockstep and self.silent_s > HEARTBEAT_LIMIT_S)

    @property
    def silent_s(self) -> float:
        """Since its last tick."""
        return age_s(self._status.peek("heartbeat_ns"))


class Guardian:
    """One of two; see above."""

    def __init__(self, session_path: Path, rank: int) -> None:
        session = SessionFile.load(session_path)
        records = [SharedRecord.attach(session.names[name], GUARDIAN_STATUS) for name in GUARDIANS]
        self.rank = rank
        self.control = Control(session_path)
        self._session_path = session_path
        self._me, self._buddy = records[rank], records[1 - rank]
        self._plan = StopPlan.attach(session.names["plan"])
        self._following: StopFollower | None = None
        self._written_ns = 0  # when the plan that it follows was written
        self._session_pid = SharedRecord.attach(session.names["session"], SESSION_STATUS).peek("pid")
        self._me.write(pid=os.getpid())

    def guard(self) -> None:
        """Watch, and act where it is needed, until the session ends this process, or nobody is left to guard."""
        orphaned_s = looked_s = 0.0
        while True:
            self.beat()
            self.control.follow()
            if self.on_duty():
                say(
                    f"control process {self.control.pid} {'died' if self.control.dead() else 'is silent'}: stopping the car"
                )
                say(self.stop_in_lockstep() if self.control.lockstep else self.stop_car())
            now_s = time.monotonic()
            if now_s - looked_s > LOOK_EVERY_S:
                looked_s = now_s
                if not left_behind.is_alive(self._session_pid):
                    orphaned_s = orphaned_s or now_s
                    if self.tidy_up(ORPHANS_MAX_S - (now_s - orphaned_s)):
                        return
            self.control.wait(POLL_S)

    def tidy_up(self, patience_s: float) -> bool:
        """Whether nothing is left of the dead session but the guardians; see `left_behind.tidy_up`."""
        hangs = age_s(self._buddy.peek("heartbeat_ns")) > HUNG_S
        return left_behind.tidy_up(self._session_path, patience_s, self._buddy.peek("pid") if hangs else 0)

    def beat(self) -> None:
        self._me.write(heartbeat_ns=time.monotonic_ns())

    def on_duty(self) -> bool:
        """Whether the car has to be stopped, and by this guardian."""
        pid = self.control.pid
        if not self.control.helpless() or pid in (self._me.peek("stopped_pid"), self._buddy.peek("stopped_pid")):
            return False
        return self.rank == 0 or age_s(self._buddy.peek("heartbeat_ns")) > BUDDY_LIMIT_S

    def stop_car(self) -> str:
        """Carry out the stop until the wheels stand, or others do; returns what happened, for the log."""
        settings, trouble = self.control.settings, ""
        vesc = Vesc(settings, RealClock(), SerialPort(settings.port, settings.baud, shared=True), checked=True)
        begin_s, died_s, standing, connected = time.monotonic(), 0.0, 0, False
        outcome, spoken_s = "somebody else is in charge", 0.0
        reading: VescReading | None = None
        while self.on_duty():
            self.beat()
            try:
                connected = connected or vesc.reconnect()
                trouble = vesc.trouble() if not connected else ""
                if connected and (early_s := self.early_s()) > 0.0:
                    time.sleep(min(early_s, FRAME_EVERY_S))
                    continue
                if connected:
                    servo_rad, brake_a = self.planned(reading) or (None, settings.brake_current_a)
                    vesc.brake(brake_a, servo_rad)
                    spoken_s = spoken_s or self.control.silent_s
            except LinkLost as error:
                connected, trouble = False, str(error)
            time.sleep(FRAME_EVERY_S)
            reading = answer(vesc) if connected else None
            standing = standing + 1 if reading is not None and stands(reading) else 0
            if not self.control.dead():
                continue
            died_s = died_s or time.monotonic()
            if standing >= STANDING_ANSWERS:
                outcome = "the car stands"
            elif time.monotonic() - died_s > BRAKING_MAX_S:
                outcome = trouble or "the motor controller did not say that the car stands"
            else:
                continue
            self._me.write(stopped_pid=self.control.pid)
            if connected:
                release(vesc)
        vesc.close()
        after_s = time.monotonic() - begin_s
        return f"{outcome}, after {after_s:.2f} s; first spoke {1000.0 * spoken_s:.0f} ms after control's last tick"

    def early_s(self) -> float:
        """How long it is until the planned stop begins: it holds from then on, and a sooner one may not."""
        found = self._plan.read()
        since_ns = -1 if found is None else time.monotonic_ns() - found[0]
        return max(0.0, 1e-9 * ((NOTICED_TICKS + 1) * TICK_NS - since_ns)) if since_ns >= 0 else 0.0

    def planned(self, reading: VescReading | None) -> tuple[float, float] | None:
        """(servo_rad, brake_a) of the stop that control left, for now and for what was measured; None if it left none."""
        found = self._plan.read()
        if found is None:
            return None
        written_ns, plan = found
        ticks = (time.monotonic_ns() - written_ns) / TICK_NS
        if self._following is None or written_ns != self._written_ns:
            self._following, self._written_ns = StopFollower(plan, ticks), written_ns
        return self._following.command(ticks, reading)

    def stop_in_lockstep(self) -> str:
        """Leave one frame for the moment at which the devices' time goes on."""
        settings = self.control.settings
        vesc = Vesc(settings, RealClock(), SerialPort(settings.port, settings.baud, shared=True), checked=True)
        self._me.write(stopped_pid=self.control.pid)
        if not vesc.reconnect():
            return vesc.trouble()
        vesc.stop()
        vesc.close()
        return "the next thing that the motor controller hears is a brake"


def answer(vesc: Vesc) -> VescReading | None:
    """What the motor controller measured last; None without a link."""
    try:
        return vesc.read()
    except LinkLost:
        return None


def stands(reading: VescReading) -> bool:
    """Whether the newest frame was answered, by a car that does not move."""
    return reading.values_age_s < 2 * FRAME_EVERY_S and abs(reading.erpm_speed_m_s) < STANDING_M_S


def release(vesc: Vesc) -> None:
    """Leave the motor at zero current, where there is still a link to say so."""
    try:
        vesc.coast()
    except LinkLost as error:
        say(str(error))


def say(text: str) -> None:
    print(f"guardian: {text}", file=sys.stderr, flush=True)


def main() -> None:
    guardian = Guardian(Path(sys.argv[1]), int(sys.argv[2]))
    become_realtime()
    guardian.guard()


if __name__ == "__main__":
    main()
