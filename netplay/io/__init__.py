"""Does what the core decided, in real time: fetches, decodes and shows."""
