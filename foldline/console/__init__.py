"""Terminal output of the commands: text, progress, tables."""
