"""The session: control, learner and recorder as processes, the shared memory between them, and how they start and end."""
