"""What runs: the command line, the control loop, tasks, safety, practice and logs."""
