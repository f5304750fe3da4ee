"""Starts servers with small models and lets each client talk to them.

usage: run.py [CLIENT...]      with a Python that has the clients; LMF_BUILD names the build, LMF_CLIENTS their folder
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "api"))
from server import make_model, serving  # noqa: E402

PYTHON, JAVASCRIPT = ["openai_python", "litellm_client", "langchain_client", "schema"], ["openai_js", "ai_sdk"]
# What the model says that is asked about the weather, in tokens no two of which are equal.
CALL = ['<tool_call>\n{"name": "', "get_weather", '", "arguments": {', '"city": "', "Oslo", '"}', "}\n</tool_call>"]


def command(client):
    if client in PYTHON:
        return [sys.executable, HERE / f"{client}.py"]
    # A module looks for others beside itself, so it has to stand where they are installed.
    script = pathlib.Path(os.environ["LMF_CLIENTS"]) / "node" / f"{client}.mjs"
    shutil.copy(HERE / f"{client}.mjs", script)
    return ["node", script]


def main():
    wanted = [client for client in PYTHON + JAVASCRIPT if len(sys.argv) < 2 or any(word in client for word in sys.argv[1:])]
    if shutil.which("node") is None or not (pathlib.Path(os.environ["LMF_CLIENTS"]) / "node").is_dir():
        print("node or its clients are not installed:", *(client for client in wanted if client in JAVASCRIPT), "left out")
        wanted = [client for client in wanted if client not in JAVASCRIPT]
    unhappy = []
    with tempfile.TemporaryDirectory() as folder:
        noise = make_model(folder + "/noise", "roomy")
        calling = make_model(folder + "/calling", "marked", "".join(CALL), *CALL)
        with serving(noise, API_KEY="key", API_HOST="127.0.0.1") as server, serving(calling, "--template", "qwen") as caller:
            addresses = {"LMF_ADDRESS": f"http://127.0.0.1:{server.port}/v1", "LMF_CALLER": f"http://127.0.0.1:{caller.port}/v1"}
            for client in wanted:
                print(f"## {client}", flush=True)
                if subprocess.run(command(client), env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", **addresses}, timeout=900).returncode != 0:
                    unhappy.append(client)
    if unhappy:
        sys.exit("NOT CONTENT: " + " ".join(unhappy))


main()
