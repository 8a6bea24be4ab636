"""From an order to packets: manifests, indexes, init segments and media as they arrive."""
