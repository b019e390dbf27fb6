"""Committed designs and the results of every stage on a few lines; see `foldline.golden`."""
