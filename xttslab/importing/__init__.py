"""Imports the runs of other trainers."""
