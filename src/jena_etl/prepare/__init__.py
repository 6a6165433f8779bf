"""From Parquet to arrays: statistics, splits, normalised arrays and the data card."""
