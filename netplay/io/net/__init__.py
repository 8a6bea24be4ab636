"""Moves bytes: requests, connections, redirects, and what is refused for safety."""
