"""Log-linear models: fitted one by one or by the million, searched, averaged, resampled."""
