"""MCAP recording, replay, reports."""
