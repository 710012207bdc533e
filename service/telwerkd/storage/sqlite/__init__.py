"""A SQLite file, and the process that writes to it.

`store` is what the application has. It reads by connections of its own, and writes by `writer_process`, which starts
the process (`writer_launch`) and sends it `messages`; over there `writer_main` hands them to `writer`, which has the
one connection that writes. Commands without a server write by `writer` in a thread.
"""
