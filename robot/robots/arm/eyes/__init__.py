"""An arm with a camera on its hand: what it sees, what it makes of that, and how it learns to."""
