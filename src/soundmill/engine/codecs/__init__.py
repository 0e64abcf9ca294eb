"""Coded sound as packets: frame headers, lengths and sums, and how decoders begin."""
