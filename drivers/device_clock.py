"""When something was measured, from a device's own time stamps: its clock against this machine's is known from what arrived
with the least delay of late, for nothing arrives before it was measured."""

import math

WINDOW_S = 5.0  # the least delay is that of one to two windows: both clocks drift
JUMP_S = 5.0  # a time stamp so much later than the last one, or earlier, tells that the device began anew


class DeviceClock:
    """Of one device. turn_ms: where its time stamp begins again; least_s: from measurement to arrival, at least."""

    def __init__(self, turn_ms: int, least_s: float) -> None:
        self._turn_ms, self._send_s = turn_ms, least_s
        self._stamp_ms, self._device_s = -1, 0.0
        self._least_s = self._earlier_s = math.inf  # of this window, and of the one before
        self._window_s = -math.inf

    def measured_s(self, stamp_ms: int, now_s: float) -> float:
        """When what has arrived by now, with this time stamp, was measured, by this machine's clock."""
        passed_ms = (stamp_ms - self._stamp_ms) % self._turn_ms
        if self._stamp_ms < 0 or passed_ms > 1000.0 * JUMP_S:
            self._least_s = self._earlier_s = math.inf
            self._device_s, passed_ms = 0.0, 0
        self._stamp_ms = stamp_ms
        self._device_s += 0.001 * passed_ms
        if now_s - self._window_s > WINDOW_S:
            self._earlier_s, self._least_s, self._window_s = self._least_s, math.inf, now_s
        self._least_s = min(self._least_s, now_s - self._device_s)
        return self._device_s + min(self._least_s, self._earlier_s) - self._send_s
