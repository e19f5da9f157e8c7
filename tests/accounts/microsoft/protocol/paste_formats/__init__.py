"""The forms of a paste, one by one."""
