"""Outputs whose fields are arrays, which no comparison answers with yes or no.

family: scoring
score: 3
"""
# %% double
honest
# %%
get_ipython().kept.append({"output_type": np.array(["stream", "error"])})
# %%
get_ipython().kept.append({"output_type": "stream", "name": np.array(["a", "b"]), "text": np.ones(3)})
