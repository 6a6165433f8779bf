"""The heart: which rows a window reads, which windows a split holds, and their batches."""
