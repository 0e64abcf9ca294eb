"""soundmill: audio conversion that loses nothing."""
