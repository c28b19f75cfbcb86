"""Creating the Jobs of steps: under a rate limit, patiently, and with a reason when there can be none."""
