"""The arithmetic of a network's body: where its nodes are, how its edges run, how both look from a camera."""
