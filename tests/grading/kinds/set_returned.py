"""Sets come back, go over, and are keys."""
# %% set_returned
def letters(s):
    ### BEGIN SOLUTION
    return set(s)
    ### END SOLUTION

# %% test set_returned
assert letters('aab') == {'a', 'b'}

# %% frozenset_keys
def anagrams(words):
    ### BEGIN SOLUTION
    found = {}
    for word in words:
        found.setdefault(frozenset(word), set()).add(word)
    return found
    ### END SOLUTION

# %% test frozenset_keys
found = anagrams(["era", "ear", "sun"])
assert found == {frozenset("era"): {"era", "ear"}, frozenset("sun"): {"sun"}}
assert isinstance(next(iter(found)), frozenset)

# %% set_handed_over
def visit(seen, names):
    """Add names to `seen`, in place; give back those that were new."""
    ### BEGIN SOLUTION
    new = set(names) - seen
    seen |= new
    return new
    ### END SOLUTION

# %% test set_handed_over
seen = {"a", "b"}
assert visit(seen, ["b", "c", "d", "d"]) == {"c", "d"}
assert seen == {"a", "b", "c", "d"}
assert visit(seen, ["a"]) == set()
