"""Protects what `package` made: Common Encryption in four schemes, and HLS AES-128.

    plan = EncryptionPlan(scheme="cbcs", tiers=(Tier((key,)),), pssh=(pssh,))
    title = protect(clear_folder, empty_folder, plan, systems=(SystemSignal(system=WIDEVINE, ...),))

`plan` says how (keys, scheme, rotation), `protect` makes a folder of it, `track` encrypts one
track segment by segment, `cipher` a sample, and `ranges` knows which bytes of it stay readable,
with a file for each codec whose headers have to be read for that. `signals` is what manifests
say about it.
"""
