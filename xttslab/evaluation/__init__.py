"""Speech in, measures and scores out."""
