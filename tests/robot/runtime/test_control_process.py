"""When nobody could help if control died, it says so, soon enough for the throttle to be off 0.2 s after the last guardian's."""

import time
from types import SimpleNamespace

import pytest

from robot.runtime.control_process import UNGUARDED, ControlProcess

NEVER_MS = 1e6  # as old as the clock: no heartbeat at all


@pytest.mark.parametrize(
    ("held", "guardians_ms", "session_ms", "why"),
    [
        ("", (20.0, 20.0), 20.0, ""),
        ("", (20.0, 5000.0), 20.0, ""),  # one is enough,
        (
            UNGUARDED,
            (20.0, 5000.0),
            20.0,
            UNGUARDED,
        ),  # but not to drive on again: the next one to die would be the last
        (UNGUARDED, (20.0, 20.0), 20.0, ""),
        (UNGUARDED, (20.0, NEVER_MS), 20.0, ""),  # a session with one guardian
        ("", (NEVER_MS, NEVER_MS), 20.0, UNGUARDED),
        ("", (110.0, 110.0), 20.0, UNGUARDED),
        ("", (20.0, 20.0), 5000.0, "the session does not answer"),
    ],
)
def test_who_watches(
    held: str, guardians_ms: tuple[float, ...], session_ms: float, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages of the newest heartbeats, and what follows."""
    now_ns = 10**12
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    control = ControlProcess.__new__(ControlProcess)
    control.held = held
    heartbeats = [now_ns - round(1e6 * age_ms) for age_ms in guardians_ms]
    control.guardians = [SimpleNamespace(peek=lambda _, at_ns=at_ns: at_ns) for at_ns in heartbeats]  # type: ignore[misc]
    assert control.unwatched(now_ns - round(1e6 * session_ms)) == why
