"""The rules for definitions and pods, as data."""
