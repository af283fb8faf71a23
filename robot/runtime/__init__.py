"""The runtime that every robot shares: clock, control loop, records, processes."""
