"""The session: control, learner and recorder as processes, and the shared memory between them."""
