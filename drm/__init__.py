"""Digital rights management: init data, key systems, licences. Usable without netplay."""
