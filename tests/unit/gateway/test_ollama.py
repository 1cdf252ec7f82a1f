from __future__ import annotations

from brickyard.bricks.llm.terms import Terms
from tests.llm_server import LlmServer
from tests.unit.gateway.llm import ASKED, NATIVE, gateway

ADMIN = {"authorization": "Bearer admin"}
CHANGES = [
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("POST", "/api/blobs/sha256:1"),
    ("HEAD", "/api/blobs/sha256:1"),
]


def test_everybody_with_a_key_may_look() -> None:
    with gateway(LlmServer()) as client:
        assert client.get("/").text == "Ollama is running"
        assert client.head("/").status_code == 200
        assert client.get("/api/version").json() == {"version": "0.12.6"}
        assert client.get("/api/tags").json()["models"][0]["name"] == "tiny:latest"
        assert client.get("/api/ps").json() == {"models": []}
        assert client.post("/api/show", json={"model": "tiny:latest"}).json()["capabilities"]


def test_only_administrators_change_what_there_is() -> None:
    server = LlmServer()
    with gateway(server) as client:
        for method, path in CHANGES:
            answer = client.request(method, path, json={"model": "tiny:latest"})
            assert answer.status_code == 403, path
            if method != "HEAD":
                assert "takes a key of an administrator" in answer.json()["error"]
    assert list(server.models) == ["tiny:latest"]


def test_administrators_do() -> None:
    server = LlmServer()
    with gateway(server) as client:
        assert client.post("/api/pull", json={"model": "new:1b"}, headers=ADMIN).json() == {"status": "success"}
        assert {model["name"] for model in client.get("/api/tags").json()["models"]} == {"tiny:latest", "new:1b"}
        answer = client.post("/api/blobs/sha256:1", content=b"x" * 300_000, headers=ADMIN)
        assert answer.status_code == 201
        assert client.request("DELETE", "/api/delete", json={"model": "new:1b"}, headers=ADMIN).status_code == 200
    assert ("/api/blobs/sha256:1", {"bytes": 300_000}) in server.asked


def test_how_long_a_model_stays_is_the_platforms_to_say() -> None:
    server = LlmServer()
    asked = {**ASKED, "keep_alive": "24h"}
    with gateway(server, given=Terms("9m")) as client:
        client.post(NATIVE, json=asked)
        client.post(NATIVE, json=asked, headers=ADMIN)
    assert [body["keep_alive"] for _, body in server.asked] == ["9m", "24h"]


def test_errors_have_ollamas_shape() -> None:
    with gateway(LlmServer()) as client:
        answer = client.post(NATIVE, json={**ASKED, "model": "nope"})
        assert answer.status_code == 404
        assert answer.json() == {"error": "The model 'nope' is not found; there are: tiny:latest."}
        assert client.post(NATIVE, content=b"{").status_code == 400
        assert client.get("/api/tags", headers={"authorization": ""}).json() == {"error": "This key is not known."}
        spent = client.post(NATIVE, json=ASKED, headers={"authorization": "Bearer spent"})
        assert (spent.status_code, spent.headers["retry-after"]) == (429, "13")


def test_models_of_other_servers_are_not_here() -> None:
    with gateway(LlmServer(is_ollama=False)) as client:
        answer = client.post(NATIVE, json={**ASKED, "model": "tiny:latest"})
        assert (answer.status_code, "ask for it under /v1" in answer.json()["error"]) == (404, True)
        assert client.get("/api/tags").json() == {"models": []}
        assert client.get("/").status_code == 422
