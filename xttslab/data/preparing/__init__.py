"""Recordings of any kind in, a checked data set on disk out; one module per step."""
