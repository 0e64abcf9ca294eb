"""Password hashing, access tokens, login limits and the secret that they rest on."""

from soundmill.adapters.security.passwords import Argon2Passwords
from soundmill.adapters.security.secret import kept_secret
from soundmill.adapters.security.throttle import WindowThrottle
from soundmill.adapters.security.tokens import JwtMint

__all__ = ["Argon2Passwords", "JwtMint", "WindowThrottle", "kept_secret"]
