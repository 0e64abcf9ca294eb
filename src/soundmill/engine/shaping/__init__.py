"""Frames between decoder and encoder: another rate, layout or format, cut, gain, speed and fades, exact to the sample."""
