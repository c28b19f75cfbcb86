"""What credentials look like and where they stand in a text, for whatever masks or refuses them."""

OPEN = ("forms", "telling")
"""The modules of it that other rooms may use."""
