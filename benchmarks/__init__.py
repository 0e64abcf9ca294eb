"""Speed, measured: ratios of things run side by side, never asserted. Each module is a command: ``python -m benchmarks.queue``."""
