"""Seeded chance: the same words give the same number on every machine and in every run."""
import hashlib


def number(*words):
    """A number from 0 up to, not including, 1."""
    digest = hashlib.sha256("\x1f".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def below(limit, *words):
    return int(number(*words) * limit)


def pick(options, *words):
    return options[below(len(options), *words)]
