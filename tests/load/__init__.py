"""Tests of the load test itself."""
