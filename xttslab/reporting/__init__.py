"""Reports and comparisons of finished runs: tables, curves, findings, advice and verdicts."""
