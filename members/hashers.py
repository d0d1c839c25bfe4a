"""The password hasher: Django's Argon2, one at a time in each process.

One takes 100 MB and both processors for a moment, which makes guessing expensive. Many at once, as when a stranger
signs up again and again, would slow down all pages.
"""

import threading

from django.contrib.auth import hashers

_one_at_a_time = threading.Lock()


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        with _one_at_a_time:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _one_at_a_time:
            return super().verify(password, encoded)
