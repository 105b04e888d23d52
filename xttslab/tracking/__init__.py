"""Tracks runs: a journal on disk, its delivery to MLflow, and looking runs up."""
