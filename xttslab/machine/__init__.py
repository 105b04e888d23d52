"""Whether this machine is fit to train and to speak."""
