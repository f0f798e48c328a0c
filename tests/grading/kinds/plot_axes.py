"""The student draws; the test looks at what stands in the axes."""
# %%
# %matplotlib inline
import matplotlib.pyplot as plt

# %% plot_axes
def draw():
    ### BEGIN SOLUTION
    fig, ax = plt.subplots(); ax.plot([1, 2]); return ax
    ### END SOLUTION

# %% test plot_axes
assert len(draw().lines) == 1

# %% bars
def bars(names, heights):
    ### BEGIN SOLUTION
    fig, ax = plt.subplots()
    ax.bar(names, heights)
    ax.set_ylabel("litres")
    ax.set_ylim(0, 10)
    return fig, ax
    ### END SOLUTION

# %% test bars
fig, ax = bars(["oil", "milk"], [3, 7.5])
assert [patch.get_height() for patch in ax.patches] == [3, 7.5]
assert [label.get_text() for label in ax.get_xticklabels()] == ["oil", "milk"]
assert "litres" in ax.get_ylabel()
assert tuple(ax.get_ylim()) == (0, 10)
assert len(fig.axes) == 1
plt.close(fig)

# %% current_figure
def sketch(x, y):
    """Draw into the current figure, with title and legend."""
    ### BEGIN SOLUTION
    plt.plot(x, y, "r--", label="measured")
    plt.title("Cooling")
    plt.legend()
    ### END SOLUTION

# %% test current_figure
import numpy as np

plt.figure()
x = np.linspace(0, 1, 5)
sketch(x, np.exp(-x))
axes = plt.gca()
(line,) = axes.get_lines()
np.testing.assert_allclose(line.get_xdata(), x)
np.testing.assert_allclose(line.get_ydata(), np.exp(-x))
assert line.get_linestyle() == "--"
assert axes.get_title() == "Cooling"
assert axes.get_legend().get_texts()[0].get_text() == "measured"
plt.close()
