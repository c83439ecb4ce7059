"""The database manager's desk: the log as it was written."""
