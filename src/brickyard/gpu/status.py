"""What the broker's books look like to people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from brickyard.gpu import policy
from brickyard.gpu.books import Books, Loaded
from brickyard.gpu.connection import Connection
from brickyard.gpu.lease import Request
from brickyard.gpu.wire import Message

Connections = Mapping[str, Connection]


def describe(books: Books, connections: Connections, elsewhere: Mapping[str, int], now: float) -> Message:
    """Devices, leases, weights, who waits (first in line first), holders and counts since the start; MiB, seconds."""
    return {
        "devices": [_device(books, connections, name, elsewhere[name], now) for name in books.devices],
        "leases": [
            {
                **_request(lease.request, connections),
                "held_s": round(now - lease.granted_at, 3),
                "ends_in_s": None if lease.request.limit_s is None else round(lease.ends_at - now, 1),
            }
            for lease in books.leases.values()
        ],
        "weights": [_weights(loaded, connections, now) for loaded in books.loaded.values()],
        "waiting": list(_waiting(books, connections, now)),
        "holders": [_holder(connection) for connection in connections.values()],
        "totals": asdict(books.totals),
    }


def _waiting(books: Books, connections: Connections, now: float) -> Iterator[Message]:
    """Each device has a line of its own."""
    for device in books.devices:
        scene = books.scene(device, now)
        for place, request in enumerate(policy.line(scene.waiting, scene.served, now, books.rules), start=1):
            yield {
                **_request(request, connections),
                "place": place,
                "waited_s": round(now - request.asked_at, 3),
            }


def _device(books: Books, connections: Connections, name: str, elsewhere_mib: int, now: float) -> Message:
    scene = books.scene(name, now, elsewhere_mib)
    holders = {lease.request.holder for lease in books.leases.values() if lease.request.device == name}
    return {
        "name": name,
        "budget_mib": scene.memory.budget,
        "resident_mib": scene.memory.resident,
        "working_mib": scene.memory.working,
        "notebook_mib": scene.memory.notebook,
        "elsewhere_mib": scene.memory.elsewhere,
        "free_mib": scene.memory.free,
        "fragmented_mib": sum(connections[holder].fragmented_mib for holder in holders if holder in connections),
        "slots": scene.slots,
        "computing": len(scene.working),
        "notebook_limit_mib": scene.notebook_mib,
    }


def _weights(loaded: Loaded, connections: Connections, now: float) -> Message:
    return {
        "model": loaded.model.name,
        "holder": connections[loaded.holder].holder,
        "device": loaded.device,
        "memory_mib": loaded.model.weights_mib,
        "pinned": loaded.model.pinned,
        "loading": loaded.loading,
        "leaving": loaded.is_leaving(now),
        "reload_s": round(loaded.model.reload_s, 3),
        "loaded_s": round(now - loaded.loaded_at, 1),
        "idle_s": round(now - loaded.used_at, 1),
    }


def _request(request: Request, connections: Connections) -> Message:
    connection = connections[request.holder]
    return {
        "id": request.id,
        "holder": connection.holder,
        "pid": max(0, connection.pid),
        "tenant": request.tenant,
        "user": request.user,
        "model": request.model.name if request.model else None,
        "device": request.device,
        "memory_mib": request.memory_mib,
        "priority": request.priority.value,
        "kind": request.kind.value,
    }


def _holder(connection: Connection) -> Message:
    return {
        "holder": connection.holder,
        "pid": max(0, connection.pid),
        "held_mib": connection.held_mib,
        "allocated_mib": connection.allocated_mib,
        "fragmented_mib": connection.fragmented_mib,
        "ooms": connection.ooms,
    }
