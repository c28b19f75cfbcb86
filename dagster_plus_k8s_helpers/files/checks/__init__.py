"""What is wrong with these files, each by itself and those that belong together."""
