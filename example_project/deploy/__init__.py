"""How the agent that runs this project is installed."""
