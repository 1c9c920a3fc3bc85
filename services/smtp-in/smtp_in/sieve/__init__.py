"""Running a user's script on a message: a pure planner from values to a plan of actions (promise P3).

`make_plan(script, content, occasion, bounds)` is the way in: it never raises, touches nothing outside its arguments, and takes a
bounded number of steps. What the plan says is done elsewhere, in the transaction that accepts the message. May import the
language (`mailstead.wire.sieve`), codecs and values only.
"""
