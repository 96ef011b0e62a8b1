"""Plans of what is fed, for people: as a table and as a picture; and of how long it takes on a pod, in rehearsal/."""
