"""nbgrader's configuration of this course; plain `nbgrader …` commands and `rnncourse` both read it."""

from rnncourse.grading import plug_in

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "rnncourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("your code here")'}
# Rebuild, run and score with this course's own engine, whoever calls nbgrader.
plug_in(c)
# A cell of a lab takes well under a second: one that runs longer does not end.
c.Execute.timeout = 20
