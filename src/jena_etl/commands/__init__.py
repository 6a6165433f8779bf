"""What each command of jena-etl does."""
