"""``make seams``: every codec that is encoded in pieces beside its serial encode, with the error at the seams."""
