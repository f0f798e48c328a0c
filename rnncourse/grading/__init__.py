"""The autograder: how a submission becomes a score; knows nothing of the models."""


def plug_in(c) -> None:
    """Let nbgrader's own commands and the formgrader's buttons grade with this engine.

    It is for nbgrader_config.py, whose `c` it sets: to rebuild, run and score is the engine's part, and what
    nbgrader does after it (limits of outputs, lateness) stays. `rnncourse` itself needs none of it.
    """
    plugin = f"{__name__}.books.plugin"
    c.Autograde.exporter_class = f"{plugin}.Grader"
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [
        f"{plugin}.SaveScores",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.GenerateFeedback.exporter_class = f"{plugin}.FeedbackPage"
    c.GenerateFeedback.preprocessors = [f"{plugin}.Marks"]
    # the formgrader shows what students' cells put out: no script of theirs runs in it
    c.HTMLExporter.sanitize_html = True
