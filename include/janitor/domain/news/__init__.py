"""What somebody is told because it is new: to whom, in which words, and how each channel is kept from reading more."""
