"""Lines in, results out: inputs, simulation and board runs of many lines, resumable result files."""
