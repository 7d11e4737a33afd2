"""A model of the market's money, written from the rules and not from the contracts."""
