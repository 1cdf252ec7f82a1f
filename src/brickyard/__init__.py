"""Brickyard: an on-prem GPU inference platform."""

__version__ = "0.1.0"
