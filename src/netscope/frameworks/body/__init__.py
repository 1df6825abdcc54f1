"""How important the nodes and edges of a network are, and what is left without the others."""
