"""The audit that never ends: looks at each new block, and raises the alarm at the first fault.

`marketplace.watch.watcher` decides what is new and has it audited, `marketplace.watch.state`
remembers how far it came, `marketplace.watch.webhook` tells somebody.
"""
