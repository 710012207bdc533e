"""Handling of every call, independent of the method: interceptors, requests, replies, errors."""
