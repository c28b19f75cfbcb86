"""Where steps run: the deployment this code is in, and the executor that goes with it."""
