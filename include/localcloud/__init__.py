"""A local cloud for development and tests: the AWS APIs that moto imitates, with machines that are real.

RunInstances starts a box (a process tree of its own), the SSM agent in it executes commands, `shutdown` and
TerminateInstances end it and everything that it started. S3 objects and logs survive a restart.

EventBridge Scheduler, EventBridge rules and CloudWatch alarms act (within a second or two, where AWS promises the
minute), and Lambda functions run as processes of this interpreter. What is defined in them is there again after a
restart. Faults can be set for every API and every machine: `python -m localcloud faults names` lists them, and
`localcloud.faults.rules` says what a rule can be.

It listens on the loopback interface alone and refuses every request that isn't signed with its own key. A box is
no security boundary: its processes run as the user that runs the local cloud.

Run it with `python -m localcloud serve --home DIR --port N --key-file FILE`.
"""
