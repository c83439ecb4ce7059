"""Mail: letters to people, kept in the outbox until a mail server has taken them."""
