"""The rules: events, the fold over one conversation, facts, counters and the calendar.

Pure: the standard library, msgspec for value types and numpy for packed counters. No SQL, no gRPC, no clock, no I/O.
"""
