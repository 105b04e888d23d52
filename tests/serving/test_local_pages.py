"""Who gets an answer from a server of ours, and how it starts and ends."""

from __future__ import annotations

import urllib.request

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from xttslab.errors import UserError
from xttslab.serving.local_pages import Access, LocalServer, access_for, bind, page_app

SECRET = "a-secret-of-this-session"
HOME = {"Host": "127.0.0.1:8020"}


class Word(BaseModel):
    word: str


def client(access: Access, max_body: int = 100) -> TestClient:
    app = page_app(access, max_body)

    @app.get("/")
    def home() -> dict[str, str]:
        return {"said": "home"}

    @app.post("/word")
    def word(given: Word) -> dict[str, str]:
        if given.word == "bad":
            raise UserError("'bad' is no word; write another")
        return {"said": given.word}

    return TestClient(app, base_url="http://127.0.0.1:8020", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8020", 200),
        ("localhost:1", 200),  # through a tunnel
        ("[::1]:8020", 200),
        ("evil.example:8020", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_only_this_machines_names_are_served(host: str, status: int) -> None:
    assert client(Access()).get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # no browser
        ({"Origin": "http://127.0.0.1:8020"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    asking = client(Access(origins=("http://localhost:8000",)))
    assert asking.get("/", headers=HOME | headers).status_code == status
    answer = asking.post("/word", json={"word": "szó"}, headers=HOME | headers)
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_token_is_taken_from_the_header_or_the_address() -> None:
    asking = client(Access(token=SECRET))
    assert asking.get(f"/?token={SECRET}").status_code == 200
    assert asking.get("/", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
    assert asking.get(f"/?token={SECRET}", headers={"Authorization": "Bearer x"}).status_code == 401
    assert asking.get("/?token=wrong").status_code == 401
    answer = asking.get("/")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.text == "the token is missing or wrong; open the whole address that was printed"


def test_bodies_are_bounded_with_and_without_a_length() -> None:
    asking = client(Access())
    long = asking.post("/word", json={"word": "x" * 200})
    assert (long.status_code, long.text) == (413, "the request is longer than 100 bytes")
    parts = (b"x" * 60 for _ in range(1000))  # sent in chunks, without a length
    assert asking.post("/word", content=parts).status_code == 413
    assert asking.post("/word", content=b"", headers={"Content-Length": "-1"}).status_code == 413


def test_faults_are_one_line_of_text_and_pages_stay_private() -> None:
    asking = client(Access())
    wrong = asking.post("/word", json={"word": "bad"})
    assert (wrong.status_code, wrong.text) == (400, "'bad' is no word; write another")
    missing = asking.post("/word", json={})
    assert (missing.status_code, missing.text) == (422, "body.word: field required")
    answer = asking.get("/")
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert asking.get("/docs").status_code == asking.get("/openapi.json").status_code == 404


def test_other_hosts_need_a_token_that_is_hard_to_guess(monkeypatch) -> None:
    monkeypatch.delenv("XTTSLAB_TOKEN", raising=False)
    assert access_for("127.0.0.1") == Access()
    assert access_for("localhost", SECRET).token == SECRET
    with pytest.raises(UserError, match=r"host=192\.168\.0\.7: .* without a token; set XTTSLAB_"):
        access_for("192.168.0.7", SECRET)
    monkeypatch.setenv("XTTSLAB_TOKEN", "short")
    with pytest.raises(UserError, match="XTTSLAB_TOKEN has 5 characters; use 16 or more"):
        access_for("127.0.0.1")
    monkeypatch.setenv("XTTSLAB_TOKEN", SECRET)
    assert access_for("192.168.0.7") == Access((), SECRET)
    asking = client(access_for("192.168.0.7"))
    assert asking.get("/", headers={"Host": "studio:8020"}).status_code == 401
    assert asking.get(f"/?token={SECRET}", headers={"Host": "studio:8020"}).status_code == 200


def test_a_server_starts_answers_and_ends(monkeypatch) -> None:
    monkeypatch.delenv("XTTSLAB_TOKEN", raising=False)
    access = access_for("127.0.0.1", SECRET)
    app = page_app(access, 100)
    app.get("/")(lambda: "home")
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = LocalServer(app, access, listener)
    with pytest.raises(UserError, match=f"^wyoming_port={port} at 127.0.0.1 cannot be used: .*"):
        bind("127.0.0.1", port, "wyoming_port")
    with server.running() as url:
        assert url == f"http://127.0.0.1:{port}/?token={SECRET}"
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b'"home"'
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 99999, "port=99999 at 127.0.0.1 cannot be used: 0 to 65535 are possible"),
        ("no such host", 0, "host=no such host: no such address on this machine"),
    ],
)
def test_an_address_that_cannot_be_is_named(host: str, port: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        bind(host, port)


def test_the_token_of_the_environment_is_not_printed(monkeypatch, capsys) -> None:
    monkeypatch.setenv("XTTSLAB_TOKEN", SECRET)
    access = access_for("127.0.0.1")
    server = LocalServer(page_app(access, 100), access, bind("127.0.0.1", 0))
    server._server.should_exit = True  # as after Ctrl-C
    server.run("review")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("review     http://127.0.0.1:")
    assert said[0].endswith("/?token=…")
    assert said[1:] == [
        "token      put the value of XTTSLAB_TOKEN in place of …",
        "end        Ctrl-C",
    ]
    assert SECRET not in "".join(said)
