"""Which entries are one story: fingerprints find candidates, a decision joins or parts them."""
