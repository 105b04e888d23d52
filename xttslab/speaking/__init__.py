"""Speech of any length in the voice of a run, a base or an exported folder."""
