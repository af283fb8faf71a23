"""Where a session's other processes find what the perceiving one knows."""

from robot.perception.asked import PerceivedWhenAsked
from robot.perception.result import Perceived
from robot.runtime.clock import Clock
from robot.runtime.session_file import PerceptionPlace


def perceived(place: PerceptionPlace, clock: Clock) -> Perceived:
    """The device that reads it."""
    if place.asked:
        return PerceivedWhenAsked(place.block, place.asked, place.size, place.encoder, clock)
    return Perceived(place.block, place.size, place.encoder, clock)
