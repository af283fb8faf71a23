"""What a Crazyflie tells of itself: its type, and the decks that tell it where it is."""

TYPES = {"CF21": "crazyflie_2_1", "C21B": "crazyflie_2_1_brushless"}  # platform_*.c: names in sim/quadrotor/data
DECKS = {
    "bcLighthouse4": "lighthouse",
    "bcFlow2": "flow",
    "bcDWM1000": "loco",
}  # parameters deck.NAME, 1 where it is there
