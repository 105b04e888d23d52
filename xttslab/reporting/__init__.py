"""Finished runs in, pages with tables, curves and verdicts out."""
