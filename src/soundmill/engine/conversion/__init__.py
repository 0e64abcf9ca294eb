"""A conversion as a whole: what must be known beforehand, which way it goes, several sources or results, and the last word, verification."""
