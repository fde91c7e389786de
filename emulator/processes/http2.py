"""An HTTP/2 connection, whichever side: what its two ends share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RemoteSettingsChanged, WindowUpdated
from h2.exceptions import ProtocolError

if TYPE_CHECKING:
    from h2.events import Event

WINDOW = 1 << 20
"""Bytes that may be on the way of all streams together; one stream has the 64 KiB of the protocol."""


class Link:
    """The state of a connection, and the way out of it. `h2` does the framing.

    Args:
        client: Whether this is the side that asks.
    """

    def __init__(self, *, client: bool) -> None:
        self.protocol = H2Connection(H2Configuration(client_side=client, header_encoding=None))
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def begin(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self.protocol.initiate_connection()
        self.protocol.increment_flow_control_window(WINDOW)
        self.flush()

    def events(self, data: bytes) -> list[Event]:
        """Take bytes, and give what they mean; nothing where they mean nothing, and the connection is over."""
        try:
            found = self.protocol.receive_data(data)
        except ProtocolError:
            self.flush()
            self.close()
            return []
        if any(isinstance(each, (WindowUpdated, RemoteSettingsChanged)) for each in found):
            self._room.set()
        return found

    def flush(self) -> None:
        """Send what is to be sent."""
        data = self.protocol.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def send(self, stream: int, data: bytes, *, end: bool) -> None:
        """Send a part of a body, at the other side's pace.

        Raises:
            ConnectionError: The stream or the connection is over.
        """
        view = memoryview(data)
        while True:
            await self._writable.wait()
            if self.closed:
                raise ConnectionResetError
            try:
                room = min(self.protocol.local_flow_control_window(stream), self.protocol.max_outbound_frame_size)
                part = view[: max(room, 0)]
                last = len(part) == len(view)
                if part or last:
                    self.protocol.send_data(stream, bytes(part), end_stream=end and last)
                    self.flush()
            except ProtocolError as error:
                raise ConnectionResetError from error
            view = view[len(part) :]
            if last:
                return
            if not part:
                self._room.clear()
                await self._room.wait()

    def acknowledge(self, size: int, stream: int) -> None:
        """So many bytes of a stream were taken: more may come."""
        if size and not self.closed:
            try:
                self.protocol.acknowledge_received_data(size, stream)
            except ProtocolError:
                return  # the stream is over
            self.flush()

    def reset(self, stream: int) -> None:
        """End a stream that cannot be ended well."""
        try:
            self.protocol.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        except ProtocolError:
            return  # it is over
        self.flush()

    def pause(self) -> None:
        """The other side reads too slowly."""
        self._writable.clear()

    def resume(self) -> None:
        """It caught up."""
        self._writable.set()

    def close(self) -> None:
        """Close the connection, once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def lost(self) -> None:
        """The connection is closed: nobody waits any more."""
        self.closed = True
        self._writable.set()
        self._room.set()
