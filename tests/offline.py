"""Tests that must need no network take it away."""

from __future__ import annotations

import socket

import pytest


def take_network_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it an error to look up an address or to connect to one."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a connection was tried: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
