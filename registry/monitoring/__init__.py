"""What the server tells those who run it: its log (logs, requests) and its counters (instruments, processes).

Every other part may import this one, and it imports none of them.
"""
