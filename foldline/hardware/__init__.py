"""Hardware for a design: weight headers, projects, C simulation, resource estimates, drivers."""
