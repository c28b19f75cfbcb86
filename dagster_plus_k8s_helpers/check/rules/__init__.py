"""The rules for definitions and pods, one function each."""
