"""Pages with script beside the notebook, some of them called pictures, for whoever opens them in the formgrader.

family: reader
score: 3
"""

# %% double
honest
# %% [hand in]
for name in (
    "page.html",
    "fig.svg",
    "fig.png",
    "page.xhtml",
    "feed.xml",
    "page.htm",
    "x.SVG",
    "more/page.mht",
):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    )
