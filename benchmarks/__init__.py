"""Speed, measured: ratios of things run side by side, never asserted. ``python -m benchmarks`` runs all; each module is a command for one part in detail."""
