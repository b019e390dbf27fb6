"""Measurements, run by hand: ``python -m benchmarks.NAME``. Ratios count; absolute times are this machine's."""
