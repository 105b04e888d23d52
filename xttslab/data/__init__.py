"""Recordings in, batches of audio codes and text tokens out; knows nothing of training."""
