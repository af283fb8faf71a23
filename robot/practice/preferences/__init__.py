"""A person prefers one of two clips of a run, again and again, and what is preferred becomes a reward to practise by."""
