"""A module that is broken: it cannot be imported."""

raise AttributeError("no such thing")
