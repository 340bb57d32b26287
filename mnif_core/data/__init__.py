"""From files to observations: one reader a format, and the sets that are made here."""
