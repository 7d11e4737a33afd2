"""Everything that talks to an EVM chain: compiler, artifacts, client, devnet."""
