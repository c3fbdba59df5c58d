"""Pseudonyms: an agency's list becomes keyed tokens before it leaves the building."""

from mse.pseudonyms.encoded import EncodedRegister, read_encoded
from mse.pseudonyms.header import Header, TokenField

__all__ = ["EncodedRegister", "Header", "TokenField", "read_encoded"]
