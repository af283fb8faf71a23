"""A guardian: a small process that brings the robot to rest when the control process no longer can.

    python -m robot.safety.guardian SESSION.json RANK

It watches whichever control process is in charge, through its pidfd and through the heartbeat in its status block. When
control has died it does what the robot says a stop is (`robot/runtime/rest.py`), by what control had planned last, until
the robot stands. While control lives but its heartbeat is too old it does the same until the heartbeat goes on.

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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from robot.runtime import left_behind
from robot.runtime.realtime import become_realtime
from robot.runtime.rest import Rest, find_rest
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.shared_memory.blocks import CONTROL_STATUS, GUARDIAN_STATUS, SESSION_STATUS, SharedRecord

HEARTBEAT_LIMIT_S = 0.06  # of control: three ticks; a process that is killed needs longer to be gone
BUDDY_LIMIT_S = 0.025  # of the other guardian: then this one speaks within the ticks that a plan allows for
HUNG_S = 1.0  # a guardian without a heartbeat for so long will not come back by itself
POLL_S = 0.01
LOOK_EVERY_S = 0.25  # at the session
ORPHANS_MAX_S = 12.0  # for control to bring the robot to rest and end, after its session has died
LAST_S = 3.0  # for the others, once control has ended


def age_s(heartbeat_ns: int) -> float:
    return 1e-9 * (time.monotonic_ns() - heartbeat_ns)


class Control:
    """What a guardian knows of the control process that is in charge."""

    def __init__(self, session_path: Path) -> None:
        session = SessionFile.load(session_path)
        self._session_path = session_path
        self.session = session  # as it was written last
        self._status = SharedRecord.attach(session.names["control"], CONTROL_STATUS)
        self._pidfd = -1
        self.lockstep = session.lockstep
        self.pid = 0
        self._prepare = find_rest(session.kind)
        self.begin_rest: Callable[[], Rest] = self._prepare(session)

    def follow(self) -> None:
        """Turn to the process that the status block names, if that is another one now."""
        pid = self._status.peek("pid")
        if pid == self.pid:
            return
        self.read_session()
        self.begin_rest = self._prepare(self.session)
        self.pid = pid
        if self._pidfd >= 0:
            os.close(self._pidfd)
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._pidfd = -1

    def read_session(self) -> None:
        """Its devices may be other ones by now. A run's folder that somebody removed says nothing new."""
        with suppress(OSError, ValueError):
            self.session = SessionFile.load(self._session_path)

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the process."""
        if self._pidfd >= 0 and not self.dead():
            select.select([self._pidfd], [], [], seconds)
        else:
            time.sleep(seconds)

    def dead(self) -> bool:
        return self.pid != 0 and (self._pidfd < 0 or bool(select.select([self._pidfd], [], [], 0.0)[0]))

    def drives(self) -> bool:
        """Whether a living process is in charge."""
        return self.pid != 0 and not self.dead()

    def replaced(self) -> bool:
        return self._status.peek("pid") != self.pid

    def helpless(self) -> bool:
        """Whether it drove, had not brought the robot to rest, and is dead or has fallen silent."""
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
        self._session_pid = SharedRecord.attach(session.names["session"], SESSION_STATUS).peek("pid")

    def guard(self) -> None:
        """Watch, and act where it is needed, until the session ends this process, or nobody is left to guard."""
        self._me.write(pid=os.getpid(), heartbeat_ns=time.monotonic_ns())  # at once: a predecessor's would be too old
        looked_s = 0.0
        session_seen_s = control_seen_s = time.monotonic()
        while True:
            self.beat()
            self.control.follow()
            if self.on_duty():
                say(
                    f"control process {self.control.pid} {'died' if self.control.dead() else 'is silent'}: stopping the robot"
                )
                say(self.stop_in_lockstep() if self.control.lockstep else self.stop())
            now_s = time.monotonic()
            if now_s - looked_s > LOOK_EVERY_S:
                looked_s = now_s
                alive, driven = left_behind.is_alive(self._session_pid), self.control.drives()
                session_seen_s = now_s if alive else session_seen_s
                control_seen_s = now_s if alive or driven else control_seen_s
                until_s = session_seen_s + ORPHANS_MAX_S if driven else control_seen_s + LAST_S
                if not alive and self.tidy_up(until_s - now_s):
                    return
            self.control.wait(POLL_S)

    def tidy_up(self, patience_s: float) -> bool:
        """Whether nothing is left of the dead session but the guardians; see `left_behind.tidy_up`."""
        hangs = age_s(self._buddy.peek("heartbeat_ns")) > HUNG_S
        self.control.read_session()
        buddy = self._buddy.peek("pid") if hangs else 0
        return left_behind.tidy_up(self._session_path, self.control.session, patience_s, buddy)

    def beat(self) -> None:
        self._me.write(heartbeat_ns=time.monotonic_ns())

    def on_duty(self) -> bool:
        """Whether the robot has to be stopped, and by this guardian."""
        pid = self.control.pid
        if not self.control.helpless() or pid in (self._me.peek("stopped_pid"), self._buddy.peek("stopped_pid")):
            return False
        return self.rank == 0 or age_s(self._buddy.peek("heartbeat_ns")) > BUDDY_LIMIT_S

    def stop(self) -> str:
        """Carry out the stop until the robot stands, or others do; returns what happened, for the log."""
        rest = self.control.begin_rest()
        begin_s, died_s, spoken_s = time.monotonic(), 0.0, 0.0
        outcome = "somebody else is in charge"
        while self.on_duty():
            self.beat()
            again_s = rest.act()
            if again_s >= 0.0:
                spoken_s = spoken_s or self.control.silent_s
            time.sleep(abs(again_s))
            at_rest = rest.at_rest
            if not self.control.dead():
                continue
            died_s = died_s or time.monotonic()
            if at_rest:
                outcome = "the robot stands"
            elif time.monotonic() - died_s > self.control.session.rests_within_s:
                outcome = rest.trouble or "the robot did not say that it stands"
            else:
                continue
            self._me.write(stopped_pid=self.control.pid)
            rest.release()
        rest.close()
        after_s = time.monotonic() - begin_s
        return f"{outcome}, after {after_s:.2f} s; first spoke {1000.0 * spoken_s:.0f} ms after control's last tick"

    def stop_in_lockstep(self) -> str:
        """The same while the devices' time stands still."""
        rest = self.control.begin_rest()
        self._me.write(stopped_pid=self.control.pid)
        said = rest.act_in_lockstep()
        rest.close()
        return said


def say(text: str) -> None:
    print(f"guardian: {text}", file=sys.stderr, flush=True)


def main() -> None:
    try:
        guardian = Guardian(Path(sys.argv[1]), int(sys.argv[2]))
    except FileNotFoundError as error:  # the other guardian was quicker
        say(f"{error.filename} is gone: the session has ended, nobody is to be guarded")
        return
    become_realtime()
    guardian.guard()


if __name__ == "__main__":
    main()
