"""The quadrotor: its missions, and what must be known before it flies."""
