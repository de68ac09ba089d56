"""The words of a report: states, reasons, what was proven and where it came from."""
