"""An exception of the engine's name, with words for the instructor.

family: reader
score: 0
"""
# %% double
class Fault(Exception):
    pass
raise Fault("the run ended early, student-words-mark-4715, enter 9 / 9")
