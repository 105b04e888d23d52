"""Measures of speech, and the scores from 0 to 10 that are made of them."""
