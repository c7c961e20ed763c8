"""The built-in 3CX: an agents' chat behind a trunk's Generic SMS provider, and a missed call.

It speaks what a real one does, over sockets: its trunk's webhook takes the gateway's messages, and
its agents' replies go to the gateway's Generic SMS door.
"""

from app.sandbox.threecx.chats import Chats, Line, Who
from app.sandbox.threecx.health import Health
from app.sandbox.threecx.pbx import Pbx, Trunk

__all__ = ["Chats", "Health", "Line", "Pbx", "Trunk", "Who"]
