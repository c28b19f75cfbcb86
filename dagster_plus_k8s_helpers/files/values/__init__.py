"""The agent's Helm values as typed sections."""
