"""Errors that pose as the grader's, as a test framework's, and as the end of everything.

family: objects
score: 0
"""
# %% double
import unittest
from rnncourse.grading.cell import student

lineages = iter([[["rnncourse.grading.judge.remote", "Fault"], ["builtins", "BaseException"]], [["builtins", "SystemExit"]],
                 [["rnncourse.grading.judge.score", "AssertionError"]], [["unittest.case", "SkipTest"]], [[7, []]], [["builtins"]] * 9, [[]]] * 9)
student.lineage = lambda kind: next(lineages, [])

def double(x):
    raise unittest.SkipTest("passed")

# %% mean
def mean(rows):
    raise KeyboardInterrupt
