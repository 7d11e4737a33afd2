"""Content by its CID: stores on disk and in IPFS, and encryption to recipients."""
