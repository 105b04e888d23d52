"""Speech in, measures and marks out."""
