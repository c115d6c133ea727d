"""WATCH: a broker is polled again and again, and each poll judged.

`broker` reads Redis and RabbitMQ. `view` keeps what the polls found, and `judge` says what it means: how
full, how soon full, which task is to blame. `findings` turns that into what an alert may be about, in the
words of `words`; `alarm` decides when an alert begins and when it is resolved; `tell` sends it. `samples`
and `metrics` are what other programs read, `monitor` is the loop, `settings` what a user may set.

Nothing here imports the parser or the ranking.
"""
