"""nbgrader's configuration of this course; plain `nbgrader …` commands and `rnncourse` both read it."""

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "rnncourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("your code here")'}
# Rebuild, run and score with this course's own engine, whoever calls nbgrader.
c.Autograde.exporter_class = "rnncourse.grading.books.plugin.Grader"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "rnncourse.grading.books.plugin.SaveScores",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateFeedback.exporter_class = "rnncourse.grading.books.plugin.FeedbackPage"
c.GenerateFeedback.preprocessors = ["rnncourse.grading.books.plugin.Marks"]
# The formgrader shows what students' cells put out: no script of theirs runs in it.
c.HTMLExporter.sanitize_html = True
# A cell of a lab takes well under a second: one that runs longer does not end.
c.Execute.timeout = 20
