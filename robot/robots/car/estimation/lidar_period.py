"""How long a lidar takes to look around once, from the number of the revolution that each of its readings carries."""

USUAL_S = 0.1  # until it is known
MEASURED_S = 2.0  # over so long: a tick is a fiftieth of a second
PERIOD_S = (0.02, 0.5)  # that a lidar may have
SILENT_S = 0.6  # without a new revolution, counting begins again


class LidarPeriod:
    """Of one lidar. seconds: what is known by now."""

    def __init__(self) -> None:
        self.seconds = USUAL_S
        self._first: tuple[float, int] | None = None  # when counting began, and with which revolution
        self._last: tuple[float, int] = (0.0, 0)

    def update(self, now_s: float, revolution: int) -> float:
        """Take in a tick; returns the period, s."""
        at_s, last = self._last
        if self._first is None or revolution < last or now_s - at_s > SILENT_S:
            self._first, self._last = (now_s, revolution), (now_s, revolution)
        elif revolution != last:
            self._last = (now_s, revolution)
            began_s, first = self._first
            if now_s - began_s >= MEASURED_S:
                self.seconds = min(PERIOD_S[1], max(PERIOD_S[0], (now_s - began_s) / (revolution - first)))
        return self.seconds
