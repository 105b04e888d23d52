"""Runs of other trainers in, runs as ours out."""
