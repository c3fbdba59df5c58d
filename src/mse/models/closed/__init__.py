"""Closed-population models: equal or unequal lists and persons, behaviour after the first capture."""
