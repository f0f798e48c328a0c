"""The process makes its own outputs, errors of the engine's form among them.

family: reader
score: 0
"""
# %% double
for kind in ("error", "stream"):
    get_ipython().kept.append({"output_type": kind, "ename": "Fault\nstudent-words-mark-4715", "name": "stderr",
        "evalue": "student-words-mark-4715", "text": "student-words-mark-4715", "traceback": ["student-words-mark-4715"]})
