"""The published data set: schema, Parquet shards, data card, lock file and upload to the Hub."""
