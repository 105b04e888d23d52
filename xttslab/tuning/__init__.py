"""Hyperparameter search with Optuna over tracked runs."""
