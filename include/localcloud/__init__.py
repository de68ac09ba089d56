"""A local cloud for development and tests: the AWS APIs that moto imitates, with machines that are real.

RunInstances starts a box (a process tree of its own), the SSM agent in it executes commands, `shutdown` and
TerminateInstances end it and everything that it started. S3 objects and logs survive a restart.

It listens on the loopback interface alone and refuses every request that isn't signed with its own key. A box is
no security boundary: its processes run as the user that runs the local cloud.

Run it with `python -m localcloud serve --home DIR --port N --key-file FILE`.
"""
