"""Which rows a window reads, which windows a split holds, and how they come in batches."""
