"""The gate against all that could replace it, on real tasks with independently owned experts."""
