"""Files as bytes, where FFmpeg says too little: what kind they are, how much they hold, and whether all of it is there."""
