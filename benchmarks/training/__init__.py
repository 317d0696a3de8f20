"""Programs that write the learned parts of the product from the corpus; each is run by hand."""
