"""Plans of what is fed, for people: as a table and as a picture."""
