"""The parts of a pod: containers, resources, variables, volumes, tolerations, and what they must be."""
