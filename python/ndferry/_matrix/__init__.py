"""Which libraries exchange arrays with which, and how: found out by doing it, in processes that may die of it."""
