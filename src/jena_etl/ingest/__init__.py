"""From the source to clean Parquet: fetch, unpack, read, prove, clean."""
