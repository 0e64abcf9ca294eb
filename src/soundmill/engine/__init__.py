"""Sound in, sound out: sniff, probe, convert, tags, verify, sandbox. Knows the model, FFmpeg and files only."""
