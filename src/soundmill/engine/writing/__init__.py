"""Sound into files: encoders, and containers with what a file says of itself."""
