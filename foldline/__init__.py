"""Top floor: the command line, and the flows that combine the rooms below."""
