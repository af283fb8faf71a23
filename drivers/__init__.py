"""What touches the world: one file per device."""
