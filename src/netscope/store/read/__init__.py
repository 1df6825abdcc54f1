"""Read what runs logged: chunks from the index and what is not yet indexed from memory, merged."""
