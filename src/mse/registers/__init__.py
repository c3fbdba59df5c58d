"""Agencies' lists: the codebook of a list, the common categories, and the only code that reads a list file."""

from mse.registers.categories import COMMON_CATEGORIES, Category, CategoryTable
from mse.registers.codebook import Codebook, codebook_path, read_codebook, write_codebook
from mse.registers.columns import IDENTIFIER_FIELDS, KINDS, Column
from mse.registers.reading import read_register
from mse.registers.register import Problem, Register

__all__ = [
    "COMMON_CATEGORIES",
    "IDENTIFIER_FIELDS",
    "KINDS",
    "Category",
    "CategoryTable",
    "Codebook",
    "Column",
    "Problem",
    "Register",
    "codebook_path",
    "read_codebook",
    "read_register",
    "write_codebook",
]
