"""The published capture-history tables, each with its citation, its number of persons and its checksum."""

from mse.datasets.loading import Dataset, dataset, dataset_names, describe_datasets, load_dataset

__all__ = ["Dataset", "dataset", "dataset_names", "describe_datasets", "load_dataset"]
