"""Magics over which IPython itself stumbles.

family: scoring
score: 3
"""
# %% double
honest
# %% [hand in]
for source in ("a = %'''", "%pwd\n" * 501):
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source})
