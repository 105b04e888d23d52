"""A space of settings in, many tracked runs and the best of them out."""
