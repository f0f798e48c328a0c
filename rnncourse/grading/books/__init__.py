"""What stands around a grading run: reads submissions, keeps grades, writes feedback; runs nothing of a
student's.
"""
