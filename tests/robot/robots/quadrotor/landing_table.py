"""How fast a Crazyflie touches down, by truth, whatever becomes of its host and whenever: a table for docs/experiments.

    python -m tests.robot.robots.quadrotor.landing_table POLICY [DRONE ...]

One flight of each drone in one process; at each of MOMENTS it forks, and the fork is left to one of the causes.
"""

import sys
from pathlib import Path

from robot.robots.quadrotor import safety_drive
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.safety_drive import CAUSES, start_drive
from robot.robots.quadrotor.safety_trials import DRONES
from robot.safety.campaign.stops.lockstep_stops import forked

MOMENTS = {  # after the first tick of a phase, s
    Phase.TAKE_OFF: (0.3, 0.9, 1.6),
    Phase.POLICY: (0.0, 0.06, 2.4),
    Phase.HAND_BACK: (0.0, 0.1),
    Phase.LANDING: (0.0, 0.8),
}


def worst(policy: str, quadrotor: str, seed: int) -> dict[tuple[str, str], tuple[float, int, int]]:
    """By phase and cause: the fastest touch-down, m/s, how many there were, how many did not end at rest."""
    drive = start_drive(
        {"policy": policy, "quadrotor": quadrotor, "positioning": "lighthouse", "mass": 1.0, "policy_on": "board"},
        seed,
        True,
        Path(),
    )
    found: dict[tuple[str, str], tuple[float, int, int]] = {}
    phase, began_s, waiting = Phase.GROUND, 0.0, []
    while not drive.over:
        drive.tick()
        if drive.mind.mission.phase != phase:
            phase, began_s = drive.mind.mission.phase, drive.time_s
            waiting = list(MOMENTS.get(phase, ()))
        while waiting and drive.time_s >= began_s + waiting[0] - 1e-9:
            waiting.pop(0)
            for cause in CAUSES:
                told = forked(drive, {cause: CAUSES[cause]}, 0.0)
                fastest, count, left = found.get((phase.name, cause), (0.0, 0, 0))
                found[phase.name, cause] = (
                    max(fastest, told["impact_m_s"] or 0.0),
                    count + 1,
                    left + (not told["ended"]),
                )
    print(
        f"{quadrotor}: undisturbed {drive.worst_touch_m_s:.2f} m/s, {drive.mind.mission.flown}"[:200], file=sys.stderr
    )
    return found


def main() -> None:
    safety_drive.HARD_M_S = 0.01  # every touch-down counts
    policy, *chosen = sys.argv[1:]
    for seed, quadrotor in enumerate(chosen or DRONES):
        found = worst(policy, quadrotor, seed)
        phases = list(dict.fromkeys(phase for phase, _ in found))
        print(
            f"| {quadrotor} | {' | '.join(phase.lower().replace('_', '-') for phase in phases)} |\n|{' --- |' * (1 + len(phases))}"
        )
        for cause in CAUSES:
            cells = [found[phase, cause] for phase in phases]
            print(
                f"| {cause} | {' | '.join(f'{v:.2f}' + (f' ({left} not at rest)' if left else '') for v, _, left in cells)} |"
            )
        print(flush=True)


if __name__ == "__main__":
    main()
