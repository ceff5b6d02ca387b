"""Measures HTTP servers of WebAssembly side by side: see ``__main__``."""
