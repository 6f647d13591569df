"""Policy as code: the file (`Written`) → checks → one immutable `Snapshot`."""

from .load import Loaded, data_folder, default_path, load_policy
from .watch import PolicyWatch

__all__ = ["Loaded", "PolicyWatch", "data_folder", "default_path", "load_policy"]
