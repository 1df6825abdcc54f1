"""Read what runs logged: data from the index merged with data that is still in memory."""
