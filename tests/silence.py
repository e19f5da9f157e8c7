"""A TCP proxy that can go silent: what is connected stays connected, and nothing comes through any more."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class SilentProxy:
    """Passes bytes on to a port of this machine, until told to keep them."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._silenced: set[int] = set()
        self._open: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.connected_count = 0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def silence(self) -> None:
        """Let nothing more through on the connections that there are; new ones work."""
        with self._lock:
            self._silenced.update(self._open)

    def close(self) -> None:
        """End the proxy and all its connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread that accepts; close alone would not
        self._listener.close()
        while self._open:
            with self._lock:
                pairs = list(self._open.values())
            for one in (one for pair in pairs for one in pair):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            time.sleep(0.01)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                number = self.connected_count = self.connected_count + 1
                self._open[number] = (client, server)
            threading.Thread(target=self._serve, args=(number, client, server), daemon=True).start()

    def _serve(self, number: int, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            back = threading.Thread(target=self._pass_on, args=(number, server, client), daemon=True)
            back.start()
            self._pass_on(number, client, server)
            back.join()
        with self._lock:
            self._open.pop(number)

    def _pass_on(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    is_silenced = number in self._silenced
                if not is_silenced:  # what came is acknowledged by the kernel all the same, as by a hung pooler's
                    sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
