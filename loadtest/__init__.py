"""Load tests with Apache Benchmark, against a fleet of our own on loopback or any address. ``python -m loadtest --help``."""
