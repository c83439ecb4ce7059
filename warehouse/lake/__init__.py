"""The lake: typed facts and derived tables in DuckLake, Parquet files with a catalog in the log's own PostgreSQL."""
