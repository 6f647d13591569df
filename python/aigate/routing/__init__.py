"""Choosing where a request goes. Pure: a snapshot, a request and a principal in, an ordered route out."""

from .plan import plan, visible_models

__all__ = ["plan", "visible_models"]
