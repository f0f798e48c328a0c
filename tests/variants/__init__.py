"""Right answers that students may give and the reference doesn't: one module per lab, each with a list `VARIANTS`."""
