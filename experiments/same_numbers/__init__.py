"""Proof that two revisions of this repository compute the same numbers."""
