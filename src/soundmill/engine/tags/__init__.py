"""What a file says of itself: tags, pictures and chapters, read from each format and brought into each."""
