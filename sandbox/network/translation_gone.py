"""Told apart from what else may go wrong when ports are published: all of it can be made again."""


class TranslationGone(OSError):
    """Somebody has removed what translates the addresses of a bridge's pods."""
