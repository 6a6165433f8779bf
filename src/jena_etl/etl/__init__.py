"""What happens before a window exists: from the zip to memory-mappable arrays."""
