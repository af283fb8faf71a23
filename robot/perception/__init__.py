"""What a camera sees, as numbers that a policy takes: a process of its own, whose newest result others look at."""
