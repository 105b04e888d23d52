"""Hungarian text normalisation: figures, signs and abbreviations are written out as words."""
