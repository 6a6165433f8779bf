"""Trains side by side on a Ray cluster: the project's own stages, or a search for better params."""
