"""Models for deployment: a folder that Coqui's XTTS loads, and a model that MLflow serves."""
