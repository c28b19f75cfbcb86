"""The assets, one file for each idea; definitions.py loads whatever is in this folder."""
