"""Processes: how several that train one model find each other, agree and end; and how one keeps its memory."""
