"""Looking at the Jobs of steps and at the run worker's own pod, beside the executor's loop."""
