"""Protocols to begin with, one file each."""
