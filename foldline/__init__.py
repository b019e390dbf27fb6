"""The command line, and what combines the packages below it."""
