"""Telling people what is new: written in the transaction of what it tells of, put into messages, sent.

`writing` keeps what is the case, `telling` makes messages of it when it is time, `delivering` hands them to channels.
"""
