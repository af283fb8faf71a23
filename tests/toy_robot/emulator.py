"""The cart's emulator: `python -m tests.toy_robot.emulator --config FILE`. A cart that hears nothing is not pushed."""

import struct

from drivers.emulators.packet_host import host_of_options

STEP_S, WATCHDOG_S, PUSH_MAX_N, DRAG_KG_S, END_M = 0.01, 0.3, 1.0, 0.5, 1.0
STATE, PUSH = struct.Struct("<4d"), struct.Struct("<d")  # time_s, place_m, speed_m_s, push_n; push_n


class Rail:
    """The cart, on a rail with an end at either side."""

    def __init__(self, place_m: float, mass_kg: float = 1.0) -> None:
        self.place_m, self.mass_kg = place_m, mass_kg
        self.steps, self.speed_m_s, self.push_n, self.heard = 0, 0.0, 0.0, 0

    def advance(self, time_s: float) -> None:
        while (self.steps + 0.5) * STEP_S < time_s:
            self.steps += 1
            self.push_n = self.push_n if (self.steps - self.heard) * STEP_S < WATCHDOG_S else 0.0
            self.speed_m_s += STEP_S * (self.push_n - DRAG_KG_S * self.speed_m_s) / self.mass_kg
            self.place_m += STEP_S * self.speed_m_s
            if abs(self.place_m) > END_M:
                self.place_m, self.speed_m_s = max(-END_M, min(END_M, self.place_m)), 0.0

    def push(self, push_n: float) -> None:
        self.push_n, self.heard = max(-PUSH_MAX_N, min(PUSH_MAX_N, push_n)), self.steps

    def obey(self, packet: bytes) -> None:
        self.push(*PUSH.unpack(packet))

    def state(self) -> bytes:
        return STATE.pack(self.steps * STEP_S, self.place_m, self.speed_m_s, self.push_n)


if __name__ == "__main__":
    host_of_options(Rail)
