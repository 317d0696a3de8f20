"""From the bytes of a source's document to its entries."""
