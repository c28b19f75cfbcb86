"""Flight delays out of New York in 2013, as a Dagster+ Hybrid code location."""
