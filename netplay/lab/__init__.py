"""Experiments: traces and movies from files, sweeps over many sessions, what they show."""
