"""The long forms run only when they are asked for; both forms share the whole-program fixtures."""

from __future__ import annotations

from tests.e2e.conftest import market, serve, world

__all__ = ["market", "serve", "world"]
