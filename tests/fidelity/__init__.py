"""``make fidelity``: every target from many kinds of source, judged by ffmpeg, ffprobe, flac and mutagen."""
