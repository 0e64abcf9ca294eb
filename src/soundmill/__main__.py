"""``python -m soundmill``."""

from soundmill.cli import main

main()
