"""Conversions for a worker: the front door, and the warm server that forks a confined process for each, or for some small ones."""
