"""Batches and a model in, a trained and logged run out."""
