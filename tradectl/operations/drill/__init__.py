"""Drills: real faults, done to real processes on this machine, in directories of their own.

trial      what a drill has at hand: a state directory, commands, runs, and a list of what was seen
paper      what a machine does to a run: kill -9, a stopped process, a torn journal, a full disk, ...
live       what an exchange does to one: silence, lies, another clock; and what an operator has there
drills     the list of them, and how they are run
"""
