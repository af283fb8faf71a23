"""Race track: the task, its gradient, and the laps that judge a policy."""
