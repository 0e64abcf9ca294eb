"""Sound out of files: opened, decoded to its end, with what is damaged, and where."""
