"""Training and judging of policies that fly quadrotors."""
