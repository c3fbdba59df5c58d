"""The estimators: one method, one file; each returns an `Estimate` or raises a refusal."""
