"""What the processes of a session share: rings, the mailbox, records of state."""
