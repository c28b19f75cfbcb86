"""Why a Job failed or waits, read from API objects and nothing else."""
