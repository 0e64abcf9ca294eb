"""Password hashing, access tokens and login limits."""

from soundmill.adapters.security.passwords import Argon2Passwords
from soundmill.adapters.security.throttle import WindowThrottle
from soundmill.adapters.security.tokens import JwtMint

__all__ = ["Argon2Passwords", "JwtMint", "WindowThrottle"]
