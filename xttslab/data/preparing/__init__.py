"""Prepares recordings as a data set: decoding, segmentation, cleaning, checks."""
