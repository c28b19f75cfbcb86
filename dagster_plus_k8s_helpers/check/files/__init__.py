"""The files that are checked together, and the pods that they alone make."""
