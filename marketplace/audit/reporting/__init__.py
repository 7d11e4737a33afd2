"""What the audit hands over: the timeline and the ledger of each trade, a page, a signature."""
