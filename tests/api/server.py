"""A server of `lmf api` for a test, and the little HTTP that its cases speak. Standard library only."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ["LMF_BUILD"])
MODEL_TOOL = BUILD / "tests" / "api_model_tool"


def make_model(folder, kind="random", words=None, *marks):
    subprocess.run([MODEL_TOOL, folder, kind, *([words] if words else []), *marks], check=True)
    return folder


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        """The data of each event; the last of a good stream is [DONE]."""
        assert self.body.endswith(b"\n\n"), self.body[-50:]
        blocks = [block for block in self.body.decode().split("\n\n") if block and not block.startswith(":")]
        assert all(block.startswith("data: ") and "\n" not in block for block in blocks), blocks
        return [block[len("data: "):] for block in blocks]

    @property
    def chunks(self):
        assert self.status == 200 and self.headers["content-type"].startswith("text/event-stream"), (self.status, self.body)
        assert self.events[-1] == "[DONE]", self.events[-1]
        return [json.loads(event) for event in self.events[:-1]]


class Server:
    """Started at once; `ready` waits until the model is loaded."""

    def __init__(self, model, options=(), ready=True, **variables):
        self.log = tempfile.TemporaryFile()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("API_", "FASTAPI_", "MAX_CONC"))}
        self.process = subprocess.Popen(
            [BUILD / "bin" / "lmf", "api", "--model_name_or_path", model, *(() if "--template" in options else ("--template", "chatml")), *options], stderr=self.log,
            stdout=self.log, stdin=subprocess.DEVNULL, env={**environment, "API_PORT": "0", "OMP_NUM_THREADS": "1", **variables})
        self.key = variables.get("API_KEY", "").split(",")[0]
        self.port = int(self.wait_for(r"listening on https?://.*:(\d+)")[1])
        if ready:
            self.wait_for(r"is ready")

    def said(self):
        # Without moving the place in the file: it is also where the program writes.
        return os.pread(self.log.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait_for(self, pattern):
        for _ in range(6000):
            if found := re.search(pattern, self.said()):
                return found
            assert self.process.poll() is None, f"the server ended:\n{self.said()}"
            time.sleep(0.01)
        raise AssertionError(f"the server never said '{pattern}':\n{self.said()}")

    def connection(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, connection=None):
        fields = {"Content-Type": "application/json"} if body is not None else {}
        if self.key:
            fields["Authorization"] = f"Bearer {self.key}"
        fields.update(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        link = connection or self.connection()
        link.request(method, path, body, {name: value for name, value in fields.items() if value is not None})
        response = link.getresponse()
        return Answer(response, response.read())

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def chat(self, text="Hello", **members):
        request = {"messages": [{"role": "user", "content": text}], "max_tokens": 8, "temperature": 0, **members}
        return self.post("/v1/chat/completions", request)

    def complete(self, **members):
        return self.post("/v1/completions", {"max_tokens": 8, "temperature": 0, **members})

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def metric(self, name):
        found = re.search(rf"^lmf_{re.escape(name)} (\S+)$", self.get("/metrics").body.decode(), re.M)
        return float(found[1]) if found else None

    def until(self, name, value):
        """Waits for a number of /metrics: long enough for any machine, and no longer than it takes."""
        for _ in range(3000):
            if self.metric(name) == value:
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} is {self.metric(name)}, not {value}")

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


@contextlib.contextmanager
def serving(model, *options, **variables):
    server = Server(model, options, **variables)
    try:
        yield server
    except BaseException:
        print(server.said())
        raise
    finally:
        server.stop()
    assert server.process.returncode == 0, (server.process.returncode, server.said())
