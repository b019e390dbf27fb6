"""A design on its way to hardware: headers, projects, C simulation, estimates, boards."""
