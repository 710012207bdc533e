"""Conversations: events, state, and the fold of events into facts."""
