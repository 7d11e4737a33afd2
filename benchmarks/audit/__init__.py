"""What the audit's foundations cost: hashes of blocks, and the fold of the log."""
