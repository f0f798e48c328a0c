"""Replies that carry an array where the request's number belongs.

family: scoring
score: 0
"""
# %% double
from rnncourse.grading.cell import student

encode = student.encode
student.encode = lambda value, refer=None: encode((np.array([1, 2]), *value[1:]), refer)

def double(x):
    return 2 * x
