"""Notices on their way to people: who is told by which channel, the outbox, the channels themselves.

Nothing here knows what trades: it takes notices, keeps them in the database until somebody has them, and
works in threads of its own.
"""
