"""What decides: networks, learners, replay data, backup controllers."""
