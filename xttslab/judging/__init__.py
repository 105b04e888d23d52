"""A run in; what it speaks, scored beside real recordings and its own base, out."""
