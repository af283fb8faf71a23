"""How a quadrotor comes to rest when control does not fly it any more: by itself.

400 ms after the last set-point the app on board brings it down and stops the motors (landing.c), with neither link nor host.
A guardian has nothing to add: a second link would disturb the first, and any set-point would keep the drone in the air.
"""

from collections.abc import Callable

from robot.runtime.session_file import SessionFile

POLL_S = 0.1


def prepare(session: SessionFile) -> Callable[[], "LandsByItself"]:
    """Nothing has to be read for that."""
    return LandsByItself


class LandsByItself:
    """One stop, as `robot.runtime.rest.Rest`: nothing is said, and nobody can say that the drone stands."""

    trouble = "nobody sends set-points any more: the app on board lands the drone"
    at_rest = False

    def act(self) -> float:
        return -POLL_S

    def act_in_lockstep(self) -> str:
        return self.trouble

    def release(self) -> None:
        """There is no link to release."""

    def close(self) -> None:
        """Likewise."""
