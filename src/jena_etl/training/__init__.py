"""Fit one architecture on one device, resumably, and keep it as a byte-stable file."""
