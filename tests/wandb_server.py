"""A stand-in for the server of W&B on 127.0.0.1: takes runs as the real one does, keeps what it was sent, or dies."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTHING = {"data": {}}


class Server:
    """Begun with `with`; `url` for WANDB_BASE_URL. `die()` ends it as a server ends that is gone."""

    def __init__(self):
        self.queries, self.streams, self.uploads = [], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def body(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    parts = []
                    while size := int(self.rfile.readline().strip() or b"0", 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    content = b"".join(parts)
                else:
                    content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    content = gzip.decompress(content)
                return content

            def answer(self, content, status=200):
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                self.answer({})

            def do_PUT(self):
                outer.uploads.append((self.path, self.body()))
                self.answer({})

            def do_POST(self):
                body = self.body()
                try:
                    content = json.loads(body or b"{}")
                except ValueError:
                    content = {}  # of its own telemetry, in another form
                if self.path.endswith("file_stream"):
                    outer.streams.append(content)
                    self.answer({"exitcode": None, "limits": {}})
                else:
                    outer.queries.append(content)
                    self.answer(outer.reply(content))

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # connections that the other side ends
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def reply(self, content):
        query, variables = content.get("query", ""), content.get("variables") or {}
        name = (re.search(r"(?:query|mutation)\s+(\w+)", query) or [None, ""])[1]
        project = {
            "id": "p",
            "name": variables.get("project") or variables.get("model"),
            "entity": {"id": "e", "name": "me"},
        }
        if "UpsertBucket" in name:
            run = {"id": "b", "name": variables.get("name"), "displayName": variables.get("displayName")}
            run |= {"description": "", "config": None, "sweepName": None, "project": project, "historyLineCount": 0}
            return {"data": {"upsertBucket": {"bucket": run, "inserted": True}}}
        if "Resume" in name:
            return {"data": {"model": {**project, "bucket": None}}}
        if "CreateRunFiles" in name:
            files = [{"name": f, "uploadUrl": f"{self.url}/up/{f}"} for f in variables.get("files", [])]
            return {"data": {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}}
        if "upsertView" in query:
            view = {"id": "Vmlldzox", "name": variables.get("name"), "displayName": variables.get("displayName")}
            view |= {"type": variables.get("type"), "description": "", "spec": variables.get("spec"), "user": None}
            view |= {"project": {"id": "p", "name": variables.get("projectName"), "entityName": "me"}}
            view |= {"createdAt": "2026-01-01T00:00:00", "updatedAt": "2026-01-01T00:00:00"}
            return {"data": {"upsertView": {"view": view, "inserted": True}}}
        if "ProjectInternalId" in query:
            return {"data": {"project": {"internalId": "UHJvamVjdEludGVybmFsSWQ6MQ==", "id": "p"}}}
        if "models(" in query:  # the projects of a user
            node = {"__typename": "Project", "id": "p", "name": "lacbed_gan", "entityName": "me", "user": None}
            node |= {"createdAt": "2026-01-01", "isBenchmark": False}
            page = {"__typename": "PageInfo", "endCursor": "", "hasNextPage": False}
            return {"data": {"models": {"edges": [{"node": node, "cursor": ""}], "pageInfo": page}}}
        if "Viewer" in name or "viewer" in query:
            return {
                "data": {"viewer": {"id": "v", "entity": "me", "username": "me", "teams": {"edges": []}, "flags": "{}"}}
            }
        return NOTHING

    def die(self):
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.die()
