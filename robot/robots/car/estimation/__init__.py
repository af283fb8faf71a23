"""Where the car is and how it moves, from what its drivers delivered."""
