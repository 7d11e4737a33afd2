"""The oracle node: follows a trade on chain, does its machine learning and signs what it found."""
