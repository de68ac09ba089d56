"""Answers a repository's prompt with a language model, in a process of its own beside the validator.

The process holds the credentials; what it runs for the model, it runs in a sandbox that holds none. It gets an
`AgentOrder` in a file and leaves an `AgentAnswer` in another. Imports: the protocol, the standard library, pydantic-ai
and the providers' own clients; nothing of the product imports it. See docs/adr/0013-agent.md.
"""
