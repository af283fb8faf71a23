"""The toy's task: bring a cart to rest in the middle of its rail, soon."""

from policies.fields import Field
from robot.tasks.spec import Merit, TaskSpec

DECISION_S, LONGEST_S = 0.1, 6.0
HOME_M, SLOW_M_S = 0.05, 0.1

SPEC = TaskSpec(
    name="toy",
    text="a cart comes to rest in the middle of its rail",
    robot="toy",
    observation=(Field("place", 1, "m", mirror=(-1,)), Field("speed", 1, "m/s", mirror=(-1,))),
    action=(Field("push", 1, "N", mirror=(-1,)),),
    decision_s=DECISION_S,
    merit=Merit("arrival_s", "s"),
    episode="arrival",
)


def reward(place_m: float, speed_m_s: float) -> float:
    return -place_m * place_m - 0.1 * speed_m_s * speed_m_s


def arrived(place_m: float, speed_m_s: float) -> bool:
    return abs(place_m) < HOME_M and abs(speed_m_s) < SLOW_M_S
