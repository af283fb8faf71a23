"""What a policy that flies is worth, beside PID and LQR in the same simulator."""
