"""Forecasts, their scores, and the leaderboard."""
