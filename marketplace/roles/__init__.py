"""What each party of a trade does, over the chain client and storage."""
