"""The web server of a pump: state and lookups over REST."""

from .api import WebAPI

__all__ = ["WebAPI"]
