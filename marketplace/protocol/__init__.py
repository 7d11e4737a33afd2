"""Rules of a trade that need no I/O: ids, typed data, states, units, errors."""
