"""From Parquet to arrays: statistics, splits, normalised arrays, the data card."""
