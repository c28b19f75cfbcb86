"""What was tried for each step, read from the event log, and what is written there."""
