"""Policies that fly, from the simulator: first order, PPO, TD3."""
