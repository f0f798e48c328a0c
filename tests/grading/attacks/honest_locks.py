"""Not an attack: a data base and locks of three kinds in the student's own folder.

family: files
score: 3
"""
# %% double
import fcntl, sqlite3, struct

with sqlite3.connect("base") as base:
    base.execute("create table t(x)")
    base.execute("insert into t values (2)")
fcntl.lockf(open("one", "w"), fcntl.LOCK_EX)
fcntl.flock(open("two", "w"), fcntl.LOCK_EX)
fcntl.fcntl(open("three", "w"), 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
def double(x):
    return base.execute("select x from t").fetchone()[0] * x
