"""Encode media as bytes: images, audio, text, tables, figures, arrays and histograms."""
