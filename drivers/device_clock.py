"""When something was measured, from a device's own time stamps: its clock against this machine's is known from what arrived
with the least delay of all, for nothing arrives before it was measured. A delay that stays is no drift: two clocks part slowly."""

import math

CRYSTALS_DRIFT, RESONATORS_DRIFT = (
    2e-4,
    2e-3,
)  # against this machine's clock, at most; what comes later than that is late
JUMP_S = 5.0  # a time stamp so much later than the last one, or earlier, tells that the device began anew


class DeviceClock:
    """Of one device. turn_ms: where its time stamp begins again; least_s: from measurement to arrival, at least; drift: of its clock, at most."""

    def __init__(self, turn_ms: int, least_s: float, drift: float) -> None:
        self._turn_ms, self._send_s, self._drift = turn_ms, least_s, drift
        self._stamp_ms, self._device_s = -1, 0.0
        self._apart_s, self._at_s = math.inf, 0.0  # this machine's clock less the device's, at the least, and when

    def measured_s(self, stamp_ms: int, now_s: float) -> float:
        """When what has arrived by now, with this time stamp, was measured, by this machine's clock."""
        passed_ms = (stamp_ms - self._stamp_ms) % self._turn_ms
        may_have_turned = now_s - self._at_s > 0.001 * self._turn_ms - JUMP_S  # then what passed is not known
        if self._stamp_ms < 0 or passed_ms > 1000.0 * JUMP_S or may_have_turned:
            self._device_s, self._apart_s, passed_ms = 0.0, math.inf, 0
        self._stamp_ms = stamp_ms
        self._device_s += 0.001 * passed_ms
        self._apart_s = min(self._apart_s + self._drift * max(0.0, now_s - self._at_s), now_s - self._device_s)
        self._at_s = now_s
        return self._device_s + self._apart_s - self._send_s
