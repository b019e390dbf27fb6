"""Every folding of a network, and the Pareto front of speed and cost."""
