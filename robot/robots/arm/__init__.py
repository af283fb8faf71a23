"""The arm: a chain of servos with a hand, as the runtime, practice and guardians know it."""
