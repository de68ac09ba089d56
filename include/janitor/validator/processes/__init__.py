"""Starting, watching, bounding and completely ending the processes of an untrusted repository."""
