"""An oracle's seat as a process: follows the chain, works on what is due, answers its peers."""
