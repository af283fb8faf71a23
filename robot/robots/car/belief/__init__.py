"""What the car finds out about itself, and the policy improved by it."""
