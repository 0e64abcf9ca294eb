"""What API and workers call things in the broker."""

QUEUE = "batch"
START_CONVERSION = "start_conversion"
