"""What keeps a conversion of hostile bytes harmless, and how it may end."""
