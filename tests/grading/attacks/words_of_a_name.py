"""The words are the exception's name.

family: reader
score: 0
"""
# %% double
raise type("OverTime: student-words-mark-4715, enter 9 / 9", (SystemError,), {"__str__": lambda self: "Fault"})
