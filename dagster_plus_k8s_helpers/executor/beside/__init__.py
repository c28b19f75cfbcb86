"""Steps in the run's own pod: which run there, their processes, and what became of them."""
