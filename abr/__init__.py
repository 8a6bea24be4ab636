"""Adaptive bitrate: which rung of the ladder to fetch next. Usable without netplay."""
