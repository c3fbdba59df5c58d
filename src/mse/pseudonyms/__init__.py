"""Pseudonyms: an agency's list becomes keyed tokens before it leaves the building."""

from mse.pseudonyms.encoded import EncodedRegister, read_encoded
from mse.pseudonyms.encoding import encode, id_map
from mse.pseudonyms.header import Header, TokenField
from mse.pseudonyms.key import Key, new_key, read_key
from mse.pseudonyms.key_endings import destroy_key, report_lost
from mse.pseudonyms.key_shares import join_key, split_key
from mse.pseudonyms.merging import duplicates
from mse.pseudonyms.origin import check_same_origin, latest_deliveries

__all__ = [
    "EncodedRegister",
    "Header",
    "Key",
    "TokenField",
    "check_same_origin",
    "destroy_key",
    "duplicates",
    "encode",
    "id_map",
    "join_key",
    "latest_deliveries",
    "new_key",
    "read_encoded",
    "read_key",
    "report_lost",
    "split_key",
]
