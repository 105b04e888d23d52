"""Deploying: a run in, a folder that Coqui's XTTS loads, or a model that MLflow serves, out."""
