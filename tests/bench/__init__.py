"""Measures CRI servers side by side: ``make bench``."""
