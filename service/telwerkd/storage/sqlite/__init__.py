"""A SQLite file, and the process that writes to it.

`store` is what the application has. It reads by connections of its own, and writes by `writer.process`, which starts
the process (`writer.launch`) and sends it `writer.messages`; over there `writer.main` hands them to
`writer.connection`, the one that writes. Commands without a server write by that in a thread.
"""
