"""The room that times: what starts when, and the `jovey` command."""
