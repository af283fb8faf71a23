"""What a terminal, a shell or an operator can send to a session: every way to stop it, and the one to suspend it.

    Ctrl-C, Ctrl-\\, SIGTERM     the robot comes to rest, then all is saved; once more: emergency stop
    hang-up                     the same; what is said from then on goes nowhere
    Ctrl-Z                      the robot comes to rest, then the job is suspended; `fg` (SIGCONT) lets it go on

The handlers only take note: what follows is done between two looks at the processes, so that nothing is interrupted in
the middle of being written. The other processes are out of the terminal's reach.
"""

import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from robot.practice.session import Session
from robot.views.say import say

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
STANDS_S = 6.0  # for the robot to come to rest before the job is suspended


class Interruptions:
    """Installed by `listening`; `act` does what was asked for since the last call."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.suspend_asked = False
        self._level_told = 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if number == signal.SIGHUP:
            silence_terminals()
        if number == signal.SIGTSTP:
            self.suspend_asked = True
            if self.session.starting:  # nothing drives yet
                self.suspend()
        elif self.session.starting:
            self.session.starting = False  # once
            raise KeyboardInterrupt
        else:
            again = self.session.stop_level and number != signal.SIGHUP  # which a shell and its end both send
            self.session.request_stop(2 if again else 1)

    @property
    def suspending(self) -> bool:
        """Whether the job is to be suspended as soon as the robot stands."""
        return self.suspend_asked and not self.session.stop_level

    def act(self) -> None:
        """Say what was asked for."""
        level = self.session.stop_level
        if level > self._level_told:
            self._level_told = level
            if not self.session.failure:
                say("emergency stop" if level == 2 else "stopping, then saving; once more: emergency stop")

    def bring_to_rest(self) -> None:
        """Hold the robot, and look after the processes until it stands, or something else is asked for."""
        session, begin_s = self.session, time.monotonic()
        say("bringing the robot to rest; it goes on when this job does")
        session.hold(True)
        while session.poll() and not session.stands and not session.stop_level:
            if time.monotonic() - begin_s > STANDS_S:
                break
            time.sleep(0.01)

    def suspend(self) -> None:
        """Stop this process as its terminal expects it to; returns when it is continued."""
        self.suspend_asked = False
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)


def silence_terminals() -> None:
    """Point standard input, output and error at nothing where they were a terminal's, which is gone now."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nothing, descriptor)
    os.close(nothing)


@contextmanager
def listening(session: Session) -> Iterator[Interruptions]:
    """Take every stop signal for the session's, until it has ended. What `nohup` ignores stays ignored."""
    interruptions = Interruptions(session)
    numbers = [n for n in (*STOPS, signal.SIGTSTP) if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, interruptions.note) for number in numbers}
    try:
        yield interruptions
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
