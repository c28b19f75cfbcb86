"""What every section of these files has in common: typed, frozen, read and written without loss."""
