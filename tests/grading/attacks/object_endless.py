"""Objects with items without end, of a huge and of a negative length.

family: objects
score: 0
"""
# %% double
class Endless:
    def __init__(self, length):
        self.length = length
    def __len__(self):
        return self.length
    def __iter__(self):
        while True:
            yield self
    def __getitem__(self, key):
        return self

def double(x):
    return Endless(2**62)

# %% mean
def mean(rows):
    return Endless(-1)

# %% rnn
def rnn(x, W, U, b):
    return Endless(2**31).__iter__()
