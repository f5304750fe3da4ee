"""PyPI schemathesis: whatever /openapi.json allows or forbids is asked for, and no answer may break what it promises."""
import os
import pathlib
import subprocess
import sys
import tempfile

address = os.environ["LMF_ADDRESS"].removesuffix("/v1")
program = pathlib.Path(sys.executable).with_name("schemathesis")
words = ["run", f"{address}/openapi.json", "--header", "Authorization: Bearer key", "--exclude-path", "/health", "--phases", "examples,coverage,fuzzing", "--seed", "1",
         "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method",
         "--max-examples", os.environ.get("LMF_SCHEMA_EXAMPLES", "30"), "--request-timeout", "60", "--suppress-health-check", "all"]
with tempfile.TemporaryDirectory() as folder:  # it leaves one of its own where it runs
    sys.exit(subprocess.run([program, *words], cwd=folder).returncode)
