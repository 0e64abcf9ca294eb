"""soundmill: audio conversion that loses nothing."""

from importlib.metadata import version

__version__ = version("soundmill")
