"""What came of many stops: a table for people, figures for `--json`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from robot.safety.campaign.stops.stops import Stop

THROTTLE_OFF_MS = 200.0  # the most where a process died or hung


def figures_of(
    lockstep: list[Stop], processes: list[Stop], counted: Mapping[str, Callable[[Stop], bool]]
) -> dict[str, Any]:
    """The figures. Stops that nobody could have made are counted by themselves. counted: see `StopTrials`."""
    every = [*lockstep, *processes]
    stops = [stop for stop in every if stop.in_reach]
    lost = [stop for stop in every if not stop.in_reach]
    own = {name: sum(is_so(stop) for stop in stops) for name, is_so in counted.items()}
    impacts = [stop.impact_m_s for stop in stops if stop.impact_m_s is not None]
    throttle = [stop.throttle_off_ms for stop in stops if stop.throttle_off_ms is not None]
    figures = {
        "stops": len(every),
        "stops_in_lockstep": len(lockstep),
        "stops_of_processes": len(processes),
        "collisions": len(impacts),
        "worst_impact_m_s": max(impacts, default=0.0),
        "throttle_off_ms_max": max(throttle, default=None),
        "not_ended": sum(not stop.ended for stop in stops),
        "left_behind": sum(stop.left_behind for stop in every),
        "spins": sum(stop.spun for stop in stops),
        **own,
        "emulator_late_ms_max": max(
            (stop.emulator_late_ms for stop in every if stop.emulator_late_ms is not None), default=None
        ),
        "emulator_scheduling": ", ".join(sorted({stop.scheduling for stop in every if stop.scheduling})) or None,
        "out_of_reach": len(lost),
        "out_of_reach_collisions": sum(stop.impact_m_s is not None for stop in lost),
    }
    slow = figures["throttle_off_ms_max"]
    figures["as_promised"] = not (
        figures["collisions"] or figures["not_ended"] or figures["left_behind"] or any(own.values())
    ) and (slow is None or slow <= THROTTLE_OFF_MS)
    return figures


def rows_of(lockstep: list[Stop], processes: list[Stop]) -> Iterable[str]:
    """A table, a row for each cause."""
    yield (f"{'cause':<42} {'stops':>6} {'touched':>8} {'worst':>9} {'throttle off':>13} {'spun':>5} {'not ended':>10} "
           f"{'left':>5}")  # fmt: skip
    for title, stops in (("in lockstep", lockstep), ("real processes, real time", processes)):
        yield title
        causes = sorted({stop.cause for stop in stops}, key=lambda name: (" + " in name, name))
        for cause in causes:
            some = [stop for stop in stops if stop.cause == cause]
            impacts = [stop.impact_m_s for stop in some if stop.impact_m_s is not None]
            throttle = [stop.throttle_off_ms for stop in some if stop.throttle_off_ms is not None]
            reach = "" if some[0].in_reach else " (out of reach)"
            worst = f"{max(impacts):.2f} m/s" if impacts else "-"
            off = f"{max(throttle):.0f} ms" if throttle else "-"
            yield (f"  {cause + reach:<40} {len(some):>6} {len(impacts):>8} {worst:>9} {off:>13} "
                   f"{sum(s.spun for s in some):>5} {sum(not s.ended for s in some):>10} "
                   f"{sum(s.left_behind for s in some):>5}")  # fmt: skip
