"""Recovery studies: data sets drawn from a known truth, estimated, and set against it. Run by `make recovery`."""
