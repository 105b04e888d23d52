"""Speaking for people: a run or a base, a text and a reference in, one waveform out."""
