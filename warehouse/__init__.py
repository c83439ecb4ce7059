"""The room that knows: facts, the log that keeps them, and the lake that reads them."""
