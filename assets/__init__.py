"""The room that derives: facts from the log, tables from facts, and what agents advise."""
