"""Metrics and samples of a run in, an MLflow store and a listening page out."""
