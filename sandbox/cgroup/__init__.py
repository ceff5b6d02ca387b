"""Control groups: version 2, and version 1 alone or beside an empty version 2 hierarchy (hybrid)."""
