"""The outside world behind the service's ports. Adapters never import each other."""
