"""Where a student's code runs: sees nothing but the student's notebook, and talks over the wire alone."""
