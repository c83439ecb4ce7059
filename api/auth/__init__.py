"""Who is at the door: passwords, tokens, sessions, and the one dependency that lets a caller in."""
