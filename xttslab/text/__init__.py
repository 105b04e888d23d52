"""Hungarian text as people write it, read as it is said."""
