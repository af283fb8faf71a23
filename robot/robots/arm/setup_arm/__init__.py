"""What an owner gets wrong about an arm, found: servos and their IDs, joints, zeros, weight, the camera that sees its board."""
