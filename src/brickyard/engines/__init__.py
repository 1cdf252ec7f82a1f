"""One implementation of a brick's contract a file, each on its own model runtime."""

from brickyard.kit.quiet import silence

# Before a runtime is loaded: some read their switches at that moment.
silence()
