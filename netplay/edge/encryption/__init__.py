"""Protects what `package` made: Common Encryption in four schemes, and HLS AES-128.

`plan` says how (keys, scheme, rotation), `track` carries it out segment by segment, `cipher`
encrypts a sample, and `ranges` knows which bytes of it stay readable, with a file for each
codec whose headers have to be read for that.
"""
