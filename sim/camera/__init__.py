"""What a camera on a car sees, walls, tape, floor and ceiling, or one on an arm's hand, a board with a hole and the peg: through a lens and a sensor,
for many at once.
"""
