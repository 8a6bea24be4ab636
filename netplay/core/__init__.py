"""Decides everything and waits for nothing: the sans-IO heart of playback."""
