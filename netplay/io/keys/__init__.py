"""Licences over the network, and packets opened with what they bring."""
