"""Which precision and which folding: the search over what the hardware could be."""
