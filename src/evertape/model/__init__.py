"""Values and ports: what the floors say to each other. No I/O lives here."""
