"""CRI v1 messages, generated from ``proto/`` at build time."""
