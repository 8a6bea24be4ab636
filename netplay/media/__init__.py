"""What bytes hold: boxes, samples, indexes, events and captions.

Pure: bytes in, frozen values out, `MediaError` when they are not what they should be.
Nothing here opens, fetches, waits or decodes.
"""
