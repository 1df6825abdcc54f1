"""What the page and the notebook ask: a store's columns in, arrays that fit a screen out."""
