"""What benchmarks/grading.py compares: a small lab in each grader's form, and how each is set up, started and asked."""
