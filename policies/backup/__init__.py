"""Controllers that take over when the policy may not drive."""
