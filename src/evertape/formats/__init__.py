"""Codecs: upstream shapes to values and back. Pure, no I/O."""
