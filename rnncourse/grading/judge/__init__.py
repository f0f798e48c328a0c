"""What sees tests and solutions, runs the tests, and asks the student's process for each answer."""
