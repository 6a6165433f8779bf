"""The work behind each command of jena-etl."""
