"""What processes of one conversion say to each other."""
