"""Hostile requests."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from netscope.show.guard import Guard, host_name
from netscope.show.page import find
from tests.fuzzing import examples

LIVE = "ws://127.0.0.1:6060/api/live"
AS_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:6060", "localhost.evil.example", "127.0.0.1.nip.io", "", "a@b", "10.0.0.1"]
)
def test_an_unknown_host_name_is_refused(write, show, host):
    write("a").end()
    reply = show().client.get("/api/runs", headers={"Host": host})
    assert reply.status_code == 403
    assert "--allow-host" in reply.json()["error"]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1:6060", "[::1]:6060", "LOCALHOST", "app.localhost", "box.lan"]
)
def test_host_names_of_this_machine_and_allowed_ones_are_accepted(show, host):
    assert show(allow_hosts=["box.lan"]).client.get("/api/about", headers={"Host": host}).status_code == 200


def test_bound_to_all_addresses_any_ip_address_is_accepted_but_no_name(show):
    client = show(host="0.0.0.0").client
    assert client.get("/api/about", headers={"Host": "192.168.1.7:6060"}).status_code == 200
    assert client.get("/api/about", headers={"Host": "rebound.example"}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "null", "https://127.0.0.1.evil.example", "file://", "http://[", "x",
        "http://127.0.0.1:8888", "http://localhost:5173", "http://localhost:6060",
    ],
)  # fmt: skip
def test_a_page_from_another_site_cannot_change_anything(write, show, origin):
    write("a").end()
    client = show().client
    reply = client.post("/api/runs/delete", json={"runs": ["a"]}, headers={"Origin": origin})
    assert reply.status_code == 403
    assert client.get("/api/runs/a").status_code == 200


@pytest.mark.parametrize("route", ["edit", "delete", "restore"])
@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_without_the_token_nothing_changes(write, show, route, token):
    write("a").end()
    client = show().client
    del client.headers["X-Netscope-Token"]
    headers = {} if token is None else {"X-Netscope-Token": token.encode()}
    reply = client.post(f"/api/runs/{route}", json={"runs": ["a"], "name": "b"}, headers=headers)
    assert reply.status_code == 403
    assert "/api/about" in reply.json()["error"]
    assert client.get("/api/runs/a").json()["run"]["name"] == "name of a"


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""])
def test_a_form_or_a_beacon_changes_nothing(write, show, kind):
    write("a").end()
    client = show().client
    reply = client.post("/api/runs/delete", content=b'{"runs":["a"]}', headers={"Content-Type": kind})
    assert reply.status_code == 415
    assert "application/json" in reply.json()["error"]
    assert client.get("/api/runs/a").status_code == 200


def test_a_restarted_server_has_another_token(show):
    tokens = {show().client.get("/api/about").json()["token"] for _ in range(2)}
    assert len(tokens) == 2


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8888", "http://localhost:6060"])
def test_a_page_from_another_site_cannot_open_the_live_channel(show, origin):
    with pytest.raises(WebSocketDisconnect), show().client.websocket_connect(LIVE, headers={"Origin": origin}):
        pass


def test_own_pages_and_programs_can_open_the_live_channel(show):
    client = show().client
    for headers in ({}, {"Origin": "http://127.0.0.1:6060"}):
        with client.websocket_connect(LIVE, headers=headers) as socket:
            assert "revision" in socket.receive_text()


def test_an_unknown_host_name_cannot_open_the_live_channel(show):
    with pytest.raises(WebSocketDisconnect), show().client.websocket_connect(LIVE, headers={"Host": "evil.example"}):
        pass


@pytest.mark.parametrize("origin", ["http://127.0.0.1:6060", "https://box.lan", "http://proxy.lan:8888"])
def test_own_pages_and_allowed_ones_may_change_things(write, show, origin):
    write("a").end()
    reply = show(allow_hosts=["box.lan", "proxy.lan:8888"]).client.post(
        "/api/runs/edit", json={"runs": ["a"], "name": "b"}, headers={"Origin": origin}
    )
    assert reply.status_code == 200


def test_a_giant_body_is_refused(show):
    reply = show().client.post("/api/series", content=b"[" * (5 << 20), headers=AS_JSON)
    assert reply.status_code == 413
    assert "MiB" in reply.json()["error"]


def test_deep_json_is_refused(show):
    body = b'{"runs":' + b"[" * 100_000
    assert show().client.post("/api/series", content=body, headers=AS_JSON).status_code == 400


def test_a_body_that_is_not_utf_8_is_refused(show):
    reply = show().client.post("/api/keys", content=b'{"runs":["\xff\xfe"]}', headers=AS_JSON)
    assert reply.status_code == 400
    assert "RunsRequest" in reply.json()["error"]


def test_a_repeated_id_in_an_edit_counts_once(write, show):
    write("a").end()
    client = show().client
    runs = client.post("/api/runs/edit", json={"runs": ["a", "a"], "add_tags": ["x"]}).json()
    assert [(run["id"], run["tags"]) for run in runs] == [("a", ["x"])]


def test_an_unknown_path_and_a_wrong_method_reply_with_a_problem(show):
    client = show().client
    assert "error" in client.get("/api/nothing").json()
    assert client.get("/api/nothing").status_code == 404
    wrong = client.get("/api/series")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert "error" in wrong.json()


FIELDS = st.sampled_from(["runs", "keys", "px", "x", "low", "groups"])
WORDS = st.text(max_size=8) | st.sampled_from(["a", "loss", "step"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
ROUTES = ["series", "groups", "keys", "runs/edit", "runs/restore"]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_the_server_fail(data, fuzzed):
    import json

    route = data.draw(st.sampled_from(ROUTES))
    body = data.draw(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
    reply = fuzzed.post(f"/api/{route}", content=body, headers=AS_JSON)
    assert reply.status_code in (200, 400, 404)
    if reply.status_code != 200:
        assert reply.json()["error"]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=30), query=st.text(max_size=30))
def test_no_path_makes_the_server_fail(fuzzed, path, query):
    from urllib.parse import quote

    reply = fuzzed.get(f"/api/runs/{quote(path)}?key={quote(query)}&since={quote(query)}")
    assert reply.status_code < 500


@pytest.fixture
def fuzzed(write, show) -> TestClient:
    write("a").curve("loss", [1, 2, 3]).end()
    return show().client


@pytest.mark.parametrize(
    "address",
    [
        "../secret.txt",
        "/../secret.txt",
        "assets/../../secret.txt",
        "..\\secret.txt",
        "link.txt",
        "%2e%2e/secret.txt",
        "\0",
        "x" * 5000,
    ],
)
def test_no_path_leads_out_of_the_pages_folder(tmp_path, address):
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("page")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    found = find(folder, address)
    assert found is None or found.read_text() == "page"


@given(st.text(max_size=30))
def test_a_host_header_is_a_valid_name(host):
    name = host_name(host)
    assert name is None or (name == name.lower() and "/" not in name and "@" not in name)


def test_any_host_name_is_accepted_if_allowed():
    assert Guard(lambda *_: None, allowed=["*"]).is_known("whatever.example")
