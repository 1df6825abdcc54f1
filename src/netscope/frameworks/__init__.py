"""Knowledge about each framework's networks. A module here is imported only after its framework."""
