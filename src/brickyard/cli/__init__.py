"""The command line, and the one place that wires real parts together."""

from brickyard.kit.quiet import silence

silence()
