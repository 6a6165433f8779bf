"""Trains one architecture on one device, resumably, and writes a byte-stable model file."""
