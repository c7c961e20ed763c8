"""The built-in WhatsApp: an emulator of Meta's Cloud API and of the customers' phones.

With it the demo and the tests run the same provider code as production, with another base URL.
It exists only outside production and only on loopback.
"""

from app.sandbox.number import Number
from app.sandbox.sandbox import Sandbox

__all__ = ["Number", "Sandbox"]
