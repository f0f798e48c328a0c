"""The lab's own function that stands in for a wrong one is looked at from all sides.

family: objects
lab: objects
score: 0
"""
# %% step
def step(x):
    raise ValueError

# %% sequence
import inspect

def sequence(x, n):
    said = [repr(step), step.__doc__, step.__defaults__, step.__closure__, dir(step), step.__globals__.keys()]
    said += [cell.cell_contents for cell in step.__closure__ or ()]
    for ask in (inspect.getsource, inspect.signature, vars):
        try:
            said.append(ask(step))
        except Exception as error:
            said.append(error)
    open("said.txt", "w").write(str(said))
    raise RuntimeError(str(said))

# %%
print(open("said.txt").read())
