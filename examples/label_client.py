"""Answer the questions of `prefgym label` by a rule: a client of its HTTP API, docs/labeling_studies.md."""

import json
import sys
import uuid
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import HTTPCookieProcessor, Request, build_opener


def longer(asked: dict[str, Any]) -> dict[str, Any]:
    """Prefer the segment that lasts longer: the robot that fell later."""
    steps = [segment["num_steps"] for segment in asked["segments"]]  # api/v1/segments/ID has what is drawn of it
    return {"choice": steps.index(max(steps)) if len(set(steps)) > 1 else "tie"}


def main(link: str) -> int:
    """Answer all that there is; returns how many. The link is http://HOST:PORT/#i=TOKEN."""
    address, _, token = link.partition("/#i=")
    opener = build_opener(HTTPCookieProcessor(CookieJar()))
    headers = {"Content-Type": "application/json", "Origin": "/".join(address.split("/")[:3])}

    def call(path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        request = Request(f"{address}/api/v1/{path}", None if body is None else json.dumps(body).encode(), headers)
        with opener.open(request) as reply:
            return json.loads(reply.read() or "null")

    call("session", {"invitation": token})
    print(call("me")["study"]["instructions"])
    num = 0
    while given := call("assignments", {"num": 1})["assignments"]:
        event = {"client_id": str(uuid.uuid4()), "assignment": given[0]["id"], "type": "answer"}
        num += call("events", [{**event, "statement": longer(given[0])}])[0]["is_new"]
    return num


if __name__ == "__main__":
    print(main(sys.argv[1]), "answers")
