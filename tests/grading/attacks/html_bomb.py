"""A small table whose cleaned form grows with the square of its tags.

family: reader
score: 0
"""
# %%
from IPython.display import HTML, display

display(HTML("<p>" + "".join(f"<b a={i}>" for i in range(2000)) + "<p>x" * 2000))
