"""What holds of every call, whichever method: interceptors, requests, replies, errors."""
