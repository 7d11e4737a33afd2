"""Long streams of queries while experts come, leave, change their prices, and drift."""
