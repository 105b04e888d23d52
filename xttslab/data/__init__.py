"""Recordings and their texts: preparation, manifests, audio codes and training batches."""
