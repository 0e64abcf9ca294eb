"""One long sound on several cores, and on free workers: pieces, who encodes them, and how their packets become one stream again."""
