"""What is larger than a number: images, audio, text, tables, figures, arrays and histograms as bytes."""
