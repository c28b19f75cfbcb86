"""What is wrong with an agent's Helm values."""
