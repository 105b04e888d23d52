"""The Lightning modules and callbacks of training, and one run from start to end."""
