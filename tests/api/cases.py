"""Cases A01-A48 of `lmf api` as a client meets it: the real program, tiny models, sockets. What requests may look like is tested
without a server in protocol_test.cpp, what the HTTP layer bears in tests/http.

usage: cases.py [CASE...]     LMF_BUILD names the build; a case is a part of its function's name
"""
import base64
import concurrent.futures
import json
import math
import pathlib
import random
import re
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

from server import Server, make_model, serving

LONG = {"max_tokens": 100000, "stream": True}
WORDS = "Peru is in South America."


def joined(chunks, index=0):
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"] if choice["index"] == index)


def finishes(chunks, index=0):
    return [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index and choice["finish_reason"]]


def is_error(answer, status, param=None, code=None):
    assert answer.status == status, (answer.status, answer.body)
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert len(error["message"]) > 10
    assert param is None or error["param"] == param, error
    assert code is None or error["code"] == code, error
    return error


def same(one, other):
    return len(one) == len(other) and all(abs(a - b) < 1e-5 for a, b in zip(one, other))


def open_stream(server, **members):
    """A socket with a stream that has begun."""
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], **LONG, **members}).encode()
    link = server.raw()
    link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    seen = b""
    while b'"content":" ' not in seen and b'"content":"P' not in seen:
        part = link.recv(65536)
        assert part, seen
        seen += part
    return link


def read_on(link):
    while link.recv(1 << 20):
        pass


# Cases that share a server whose model answers noise, the same for the same request.

def a02_models(server):
    models = server.get("/v1/models").json
    assert models["object"] == "list" and len(models["data"]) == 1
    model = models["data"][0]
    assert model["object"] == "model" and isinstance(model["created"], int) and model["owned_by"]
    assert server.get(f"/v1/models/{model['id']}").json == model
    assert server.get("/models").json == models
    is_error(server.get("/v1/models/no/such%20one"), 404, code="model_not_found")


def a03_minimal_chat(server):
    answer = server.chat().json
    choice = answer["choices"][0]
    assert answer["id"].startswith("chatcmpl-") and len(answer["id"]) == 9 + 32 and answer["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant" and choice["message"]["refusal"] is None and choice["logprobs"] is None
    assert choice["finish_reason"] == "length" and answer["system_fingerprint"].startswith("lmf-")
    usage = answer["usage"]
    assert usage["completion_tokens"] == 8 and usage["total_tokens"] == usage["prompt_tokens"] + 8
    assert "timings" not in answer and "timings" in server.chat(timings=True).json
    assert server.post("/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "temperature": 0}).json["choices"] == answer["choices"]


def a04_greedy_is_steady(server):
    assert len({server.chat(max_tokens=20).json["choices"][0]["message"]["content"] for _ in range(4)}) == 1


def a05_seeds(server):
    say = lambda seed: server.chat(temperature=1, top_p=1, top_k=0, seed=seed, max_tokens=20).json["choices"][0]["message"]["content"]
    assert say(42) == say(42)
    assert len({say(seed) for seed in range(4)}) == 4
    unseeded = {server.chat(temperature=1, top_p=1, top_k=0, max_tokens=20).json["choices"][0]["message"]["content"] for _ in range(3)}
    assert len(unseeded) == 3


def a07_a08_stream(server):
    answer = server.chat(stream=True)
    whole = server.chat().json
    assert answer.headers["cache-control"] == "no-cache"
    chunks = answer.chunks
    assert all(set(chunk) >= {"id", "object", "created", "model", "choices"} and chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all("role" not in chunk["choices"][0]["delta"] for chunk in chunks[1:])
    assert finishes(chunks) == [whole["choices"][0]["finish_reason"]] and chunks[-1]["choices"][0]["finish_reason"]
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert joined(chunks) == whole["choices"][0]["message"]["content"]


def a09_a11_usage_in_streams(server):
    with_usage = server.chat(stream=True, stream_options={"include_usage": True}).chunks
    assert with_usage[-1]["choices"] == [] and with_usage[-1]["usage"] == dict(server.chat().json["usage"], prompt_tokens_details=with_usage[-1]["usage"]["prompt_tokens_details"])
    assert all(chunk["usage"] is None for chunk in with_usage[:-1])
    for options in ({}, {"stream_options": {"include_usage": False}}):
        assert not any("usage" in chunk for chunk in server.chat(stream=True, **options).chunks)
    grown = [chunk["usage"]["completion_tokens"] for chunk in server.chat(stream=True, stream_options={"include_usage": True, "continuous_usage_stats": True}).chunks if chunk["usage"]]
    assert grown == sorted(grown) and grown[-1] == 8 and len(set(grown)) >= 2


def a14_whole_characters(server):
    chunks = server.chat(stream=True, temperature=2, top_k=0, top_p=1, seed=1, max_tokens=200).chunks
    whole = server.chat(temperature=2, top_k=0, top_p=1, seed=1, max_tokens=200).json["choices"][0]["message"]["content"]
    assert joined(chunks) == whole


def a15_a16_logprobs(server):
    choice = server.chat(logprobs=True, top_logprobs=5).json["choices"][0]
    entries = choice["logprobs"]["content"]
    assert len(entries) == 8
    for entry in entries:
        tops = [other["logprob"] for other in entry["top_logprobs"]]
        assert entry["logprob"] <= 0 and len(tops) == 5 and tops == sorted(tops, reverse=True)
        assert entry["token"] == entry["top_logprobs"][0]["token"]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode(errors="replace") == choice["message"]["content"]
    assert all(entry["top_logprobs"] == [] for entry in server.chat(logprobs=True, top_logprobs=0).json["choices"][0]["logprobs"]["content"])
    is_error(server.chat(logprobs=True, top_logprobs=21), 400, "top_logprobs")
    streamed = [entry for chunk in server.chat(stream=True, logprobs=True, top_logprobs=5).chunks for one in chunk["choices"] if one["logprobs"] for entry in one["logprobs"]["content"]]
    assert streamed == entries


def a17_logit_bias(server):
    first = server.chat(logprobs=True, max_tokens=1).json["choices"][0]
    token = server.complete(prompt=[1], max_tokens=1).json
    assert token["object"] == "text_completion"
    said = first["message"]["content"]
    ids = server.post("/tokenize", {"content": said}).json["tokens"]
    if len(ids) == 1:
        other = server.chat(max_tokens=1, logit_bias={str(ids[0]): -100}).json["choices"][0]["message"]["content"]
        assert other != said
    is_error(server.chat(logit_bias={"99999999": 1}), 400, "logit_bias")
    is_error(server.chat(logit_bias={"1": 101}), 400, "logit_bias")


def a18_several_choices(server):
    members = {"n": 3, "temperature": 1, "top_p": 1, "top_k": 0, "seed": 7}
    answer = server.chat(**members).json
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 3
    assert answer["usage"]["prompt_tokens"] == server.chat().json["usage"]["prompt_tokens"] and answer["usage"]["completion_tokens"] == 24
    chunks = server.chat(stream=True, **members).chunks
    for index in range(3):
        assert joined(chunks, index) == answer["choices"][index]["message"]["content"]
        assert finishes(chunks, index) == ["length"]


def a19_structure(server):
    say = lambda schema: server.chat(max_tokens=300, temperature=1, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}).json["choices"][0]
    constant = say({"const": "42"})
    assert json.loads(constant["message"]["content"]) == "42" and constant["finish_reason"] == "stop"
    for _ in range(3):
        numbers = say({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4})
        assert all(isinstance(number, int) for number in json.loads(numbers["message"]["content"])), numbers
    chosen = say({"type": "object", "properties": {"z": {"enum": ["a", "b"]}, "a": {"type": "boolean"}}, "required": ["z", "a"], "additionalProperties": False})
    assert list(json.loads(chosen["message"]["content"])) == ["z", "a"]
    free = server.chat(max_tokens=300, response_format={"type": "json_object"}).json["choices"][0]
    assert free["finish_reason"] == "length" or isinstance(json.loads(free["message"]["content"]), dict)


def a20_refusals(server):
    for schema in (123, {"type": "hiccup"}, None):
        is_error(server.chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}), 400, "response_format")
    is_error(server.chat(response_format={"type": "json_schema"}), 400, "response_format")
    for member in ({"response_format": {"type": "sound"}}, {"tools": [{"type": "function"}]}, {"stream_options": {"include_usage": True}}):
        is_error(server.chat(**member), 400, next(iter(member)))
    long = is_error(server.chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "x" * 300_000}}}), 400, "response_format")
    assert long["message"].startswith("response_format: ") and len(long["message"]) < 1100, len(long["message"])


def a24_a25_bodies(server):
    for body in ("", "text", "[]", "null", "{", b"\xff\xfe", "[" * 2000, '{"messages":' + "[" * 64 + "]" * 64 + "}"):
        is_error(server.post("/v1/chat/completions", body), 400)
    is_error(server.post("/v1/chat/completions", b" " * 20_000_000), 413)
    assert server.chat().status == 200


def large_requests(server):
    """Small ones do not wait for them."""
    body = json.dumps({"prompt": "ab " * 2_500_000}).encode()
    links = [server.raw() for _ in range(6)]
    for link in links:
        link.sendall(b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert server.chat(max_tokens=2).status == 200
    assert not select.select([links[3]], [], [], 0)[0], "most of the large ones were answered first"
    for link in links:
        assert link.recv(15).startswith(b"HTTP/1.1 200")


def a26_routes(server):
    is_error(server.post("/v1/chat/completions", "{}", headers={"Content-Type": "text/plain"}), 415)
    wrong = server.get("/v1/chat/completions")
    is_error(wrong, 405)
    assert wrong.headers["allow"] == "POST, OPTIONS"
    is_error(server.get("/v1/nothing"), 404)
    assert server.get("/").status == 200


def a28_parts(server):
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert server.chat(parts).json["choices"] == server.chat("Hello").json["choices"]


def a29_context(server):
    for stream in (False, True):
        error = is_error(server.chat("word " * 20000, stream=stream), 400, "messages", code="context_length_exceeded")
        assert sum(word.strip(",.").isdigit() for word in error["message"].split()) == 2, error


def a35_prefix(server):
    text = " ".join(str(number) for number in random.Random(3).sample(range(1000), 40))
    first, second = server.chat(text).json, server.chat(text).json
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"] - 64
    assert first["choices"] == second["choices"]


def a37_metrics(server):
    count = lambda: server.metric('requests_total{route="/v1/tokenize",code="200"}') or 0
    before, seen = count(), server.metric("e2e_request_latency_seconds_count") or 0
    gaps = server.metric("inter_token_latency_seconds_count")
    for _ in range(3):
        server.post("/v1/tokenize", {"content": "x"})
        server.chat()
    server.until('requests_total{route="/v1/tokenize",code="200"}', before + 3)
    assert server.metric("e2e_request_latency_seconds_count") == seen + 3
    assert server.metric("inter_token_latency_seconds_count") == gaps + 3 * 7
    for line in server.get("/metrics").body.decode().splitlines():
        assert line.startswith(("# HELP lmf_", "# TYPE lmf_")) or len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0, line


def a39_tokens(server):
    chance = random.Random(5)
    for _ in range(200):
        text = "".join(chr(chance.choice([chance.randrange(32, 127), chance.randrange(0xa1, 0x2000), chance.randrange(0x1f300, 0x1f600)])) for _ in range(chance.randrange(1, 30)))
        tokens = server.post("/tokenize", {"content": text}).json
        assert tokens["count"] == len(tokens["tokens"])
        assert server.post("/detokenize", {"tokens": tokens["tokens"]}).json["content"] == text, text
    template = server.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}]}).json
    assert template["prompt"].endswith("<|im_start|>assistant\n") and "Hello" in template["prompt"]
    assert server.chat("Hello").json["usage"]["prompt_tokens"] == template["count"]
    assert server.complete(prompt=template["tokens"]).json["choices"][0]["text"] == server.chat("Hello").json["choices"][0]["message"]["content"]


def a40_keep_alive(server):
    link = server.connection()
    for _ in range(100):
        assert server.ask("GET", "/v1/models", connection=link).status == 200


def a42_continued(server):
    messages = [{"role": "user", "content": "Where is Peru?"}, {"role": "assistant", "content": "Peru is in Sou"}]
    prompt = server.post("/apply-template", {"messages": messages, "continue_final_message": True}).json["prompt"]
    assert prompt.endswith("<|im_start|>assistant\nPeru is in Sou")
    answer = server.chat(messages=messages, continue_final_message=True)
    assert answer.status == 200, answer.body
    is_error(server.chat(messages=messages), 400, "messages")


def a43_completions(server):
    one = server.complete(prompt="Hello").json
    assert one["id"].startswith("cmpl-") and one["choices"][0]["finish_reason"] == "length" and one["usage"]["completion_tokens"] == 8
    several = server.complete(prompt=["Hello", "Peru", "Oslo"]).json["choices"]
    assert [choice["index"] for choice in several] == [0, 1, 2] and several[0]["text"] == one["choices"][0]["text"]
    ids = server.post("/tokenize", {"content": "Hello", "add_special_tokens": True}).json["tokens"]
    assert server.complete(prompt=[ids, ids]).json["choices"][1]["text"] == one["choices"][0]["text"]
    assert "".join(choice["text"] for chunk in server.complete(prompt="Hello", stream=True).chunks for choice in chunk["choices"]) == one["choices"][0]["text"]
    echoed = server.complete(prompt="Hello", echo=True, logprobs=2).json["choices"][0]
    assert echoed["text"] == "Hello" + one["choices"][0]["text"]
    logprobs = echoed["logprobs"]
    assert len(logprobs["tokens"]) == len(ids) + 8 == len(logprobs["token_logprobs"]) == len(logprobs["top_logprobs"]) == len(logprobs["text_offset"])
    assert logprobs["token_logprobs"][0] is None and all(value <= 0 for value in logprobs["token_logprobs"][1:])
    scored = server.complete(prompt="Hello", echo=True, logprobs=0, max_tokens=0).json["choices"][0]
    assert scored["text"] == "Hello" and scored["logprobs"]["token_logprobs"] == logprobs["token_logprobs"][:len(ids)]
    for prompt in ([], [[]], [-1]):
        is_error(server.complete(prompt=prompt), 400, "prompt")
    is_error(server.complete(prompt="word " * 20000), 400, "prompt", code="context_length_exceeded")
    wide = server.complete(prompt="caf\u00e9 \u20ac x", echo=True, logprobs=0, max_tokens=0).json["choices"][0]["logprobs"]
    assert wide["tokens"][-1].endswith("x") and wide["text_offset"][-1] == len("caf\u00e9 \u20ac x") - len(wide["tokens"][-1]), wide


def a44_other_models(server):
    is_error(server.post("/v1/score/evaluation", {"model": "x", "messages": ["a"]}), 405)


def embeddings(server):
    ask = lambda text, **members: server.post("/v1/embeddings", {"model": "x", "input": text, **members})
    one = ask("Hello").json
    assert one["object"] == "list" and one["data"][0]["object"] == "embedding" and one["usage"]["prompt_tokens"] == one["usage"]["total_tokens"]
    vector = one["data"][0]["embedding"]
    assert abs(sum(value * value for value in vector) - 1) < 1e-4
    assert same(list(struct.unpack(f"<{len(vector)}f", base64.b64decode(ask("Hello", encoding_format="base64").json["data"][0]["embedding"]))), vector)
    ids = server.post("/tokenize", {"content": "Hello", "add_special_tokens": True}).json["tokens"]
    texts = ["Hello", "Oslo", "Hello", "word " * 60] + [f"number {i}" for i in range(40)]
    several = ask(texts).json["data"]
    assert [entry["index"] for entry in several] == list(range(len(texts))) and several[0]["embedding"] == several[2]["embedding"] != several[1]["embedding"]
    assert same(several[0]["embedding"], vector) and same(ask(ids).json["data"][0]["embedding"], vector) and same(ask([ids]).json["data"][0]["embedding"], vector)
    assert several[-1]["embedding"] == ask("number 39").json["data"][0]["embedding"]
    short = ask("Hello", dimensions=4).json["data"][0]["embedding"]
    length = sum(value * value for value in vector[:4]) ** 0.5
    assert same(short, [value / length for value in vector[:4]])
    assert not same(ask("Hello there", pooling="last").json["data"][0]["embedding"], ask("Hello there").json["data"][0]["embedding"])
    is_error(ask("Hello", dimensions=10 ** 6), 400, "dimensions")
    is_error(ask("word " * 20000), 400, "input", code="context_length_exceeded")
    is_error(ask(""), 400, "input")
    server.until("requests_running", 0)


def a45_temperatures(server):
    greedy = server.chat().json["choices"]
    assert server.chat(temperature=None, do_sample=False).json["choices"] == greedy
    for temperature in (-1, 3):
        is_error(server.chat(temperature=temperature), 400, "temperature")


def a_model_without_thoughts(server):
    prompt = lambda **members: server.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}], **members}).json["prompt"]
    assert prompt(reasoning_effort="none") == prompt()


def a47_roles(server):
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "c"}]
    assert server.chat(messages=messages).status == 200


def a48_pictures(server):
    for url in ("file:///etc/passwd", "http://169.254.169.254/latest"):
        is_error(server.chat([{"type": "image_url", "image_url": {"url": url}}]), 400, "messages[0].content")


def openapi(server):
    document = server.get("/openapi.json").json
    assert document["openapi"].startswith("3.") and "/v1/chat/completions" in document["paths"]


NOISE = [a02_models, a03_minimal_chat, a04_greedy_is_steady, a05_seeds, a07_a08_stream, a09_a11_usage_in_streams, a14_whole_characters,
         a15_a16_logprobs, a17_logit_bias, a18_several_choices, a19_structure, a20_refusals, a24_a25_bodies, large_requests, a26_routes, a28_parts, a29_context, a35_prefix,
         a37_metrics, a39_tokens, a40_keep_alive, a42_continued, a43_completions, a44_other_models, embeddings, a45_temperatures, a_model_without_thoughts, a47_roles, a48_pictures, openapi]


# Cases that share a server whose model says the same words again and again, without an end.

def a12_stop_strings(server):
    for stream in (False, True):
        answer = server.chat(stop=["outh Am"], max_tokens=50, stream=stream)
        if stream:
            assert joined(answer.chunks) == "Peru is in S" and finishes(answer.chunks) == ["stop"]
        else:
            choice = answer.json["choices"][0]
            assert choice["message"]["content"] == "Peru is in S" and choice["finish_reason"] == "stop"
    never = server.chat(stop=["South Africa"], max_tokens=12).json["choices"][0]
    assert never["finish_reason"] == "length" and never["message"]["content"].startswith("Peru is in South America")


def a32_together(server):
    alone = [server.chat(max_tokens=20 + number).json["choices"] for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda number: server.chat(max_tokens=20 + number).json["choices"], range(8)))
    assert together == alone
    assert server.metric("slots") == 4 and server.metric("requests_running_peak") <= 4


def a33_a34_disconnects(server):
    before = server.metric("cancelled_total")
    for _ in range(20):
        links = [open_stream(server) for _ in range(4)]
        for link in links:
            link.close()
    server.until("requests_running", 0)
    server.until("cancelled_total", before + 80)
    assert server.chat().status == 200


def reasoning(server):
    # Its model says "<think>Peru</think> is in South America." and ends.
    message = server.chat(max_tokens=50).json["choices"][0]["message"]
    assert message["reasoning_content"] == "Peru" and message["content"] == "is in South America.", message
    chunks = server.chat(max_tokens=50, stream=True).chunks
    assert joined(chunks) == message["content"]
    assert "".join(choice["delta"].get("reasoning_content", "") for chunk in chunks for choice in chunk["choices"]) == "Peru"
    prompt = lambda **members: server.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}], **members}).json["prompt"]
    for off in ({"chat_template_kwargs": {"enable_thinking": False}}, {"reasoning_effort": "none"}):
        assert prompt(**off) == prompt() + "<think>\n\n</think>\n\n" and server.chat(max_tokens=4, **off).status == 200
    assert prompt(chat_template_kwargs={"enable_thinking": True}) == prompt(reasoning_effort="low") == prompt()
    assert "<think>" in server.chat(max_tokens=50, reasoning_format="none").json["choices"][0]["message"]["content"]


def a_template_with_thoughts(folder):
    """The server's option decides, a request's words win; earlier thoughts are left out."""
    empty = "<think>\n\n</think>\n\n"
    with serving(make_model(folder + "/thinker", "thinking", "<think>Peru</think> is in South America."), "--template", "qwen3", "--enable_thinking",
                 "false") as server:
        messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nHo"}, {"role": "user", "content": "?"}]
        prompt = lambda **members: server.post("/apply-template", {"messages": messages, **members}).json["prompt"]
        assert prompt().endswith("<|im_start|>assistant\n" + empty) and "assistant\nHo<|im_end|>" in prompt(), prompt()
        for on in ({"chat_template_kwargs": {"enable_thinking": True}}, {"reasoning_effort": "low"}):
            assert prompt(**on) + empty == prompt(), prompt(**on)
        assert server.chat(max_tokens=50).json["choices"][0]["message"]["content"]


def more_than_fit(server):
    """Never would so many find room."""
    for error in (is_error(server.chat(n=8), 400, "n"), is_error(server.complete(prompt=["x"] * 4, n=2), 400, "n")):
        assert "asks for 8 answers" in error["message"] and "takes 7" in error["message"], error
    assert len(server.chat(n=7, max_tokens=1).json["choices"]) == 7


def min_tokens(server):
    """A stop text before is a text like any other."""
    stopped = lambda **members: server.chat(stop="a", max_tokens=30, **members).json
    assert "a" not in stopped()["choices"][0]["message"]["content"]
    longer = stopped(min_tokens=20)
    assert "a" in longer["choices"][0]["message"]["content"] and longer["usage"]["completion_tokens"] >= 20, longer
    whole = server.chat(max_tokens=30, min_tokens=30).json
    assert whole["usage"]["completion_tokens"] == 30


def a36_full_queue(server):
    links = [open_stream(server) for _ in range(4)]
    for link in links:  # who does not read is cut off soon
        threading.Thread(target=read_on, args=[link], daemon=True).start()
    waiting = [server.raw() for _ in range(3)]
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
    for link in waiting:
        link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    server.until("requests_waiting", 3)
    full = server.chat()
    is_error(full, 429, code="queue_full")
    assert int(full.headers["retry-after"]) >= 1
    for link in links:
        link.shutdown(socket.SHUT_RDWR)
    for link in waiting:
        assert link.recv(15).startswith(b"HTTP/1.1 200")


TALKING = [more_than_fit, min_tokens, a12_stop_strings, a32_together, a33_a34_disconnects, a36_full_queue]


# Cases with servers of their own.

def a01_health(folder):
    server = Server(make_model(folder + "/health"), ready=False)
    statuses = [server.get("/health")]
    server.wait_for("is ready")
    assert server.get("/health").status == 200 and server.get("/v1/health").json == {"status": "ok"}
    if statuses[0].status != 200:
        is_error(statuses[0], 503, code="loading")
        assert statuses[0].headers["retry-after"] and re.search(r"for \d+ s so far", statuses[0].json["error"]["message"])
    assert server.stop() == 0


def a30_keys(folder):
    with open(folder + "/keys", "w") as file:
        file.write("third\n\nfourth\n")
    with serving(make_model(folder + "/keys-model"), API_KEY="first, second", API_KEY_FILE=folder + "/keys", API_HOST="127.0.0.1") as server:
        bare = {"Authorization": None}
        missing = server.get("/v1/models", headers=bare)
        is_error(missing, 401, code="invalid_api_key")
        assert missing.headers["www-authenticate"] == "Bearer"
        is_error(server.get("/v1/models", headers={"Authorization": "Bearer wrong"}), 401)
        is_error(server.get("/metrics", headers=bare), 401)
        for key in ("first", "second", "third", "fourth"):
            assert server.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status == 200
            assert server.get("/v1/models", headers={"X-Api-Key": key, **bare}).status == 200
        assert server.get("/health", headers=bare).status == 200 and server.get("/", headers=bare).status == 200
    with serving(folder + "/keys-model", API_KEY="first", API_HOST="127.0.0.1", API_OPEN_METRICS="1") as server:
        assert server.get("/metrics", headers=bare).status == 200
        is_error(server.get("/v1/models", headers=bare), 401)


def a31_origins(folder):
    with serving(make_model(folder + "/origins"), API_CORS_ORIGINS="https://a.example,https://b.example", FASTAPI_ROOT_PATH="/llm", API_MODEL_NAME="my/model") as server:
        ask = {"Access-Control-Request-Method": "POST", "Origin": "https://b.example"}
        assert server.ask("OPTIONS", "/v1/chat/completions", headers=ask).headers["access-control-allow-origin"] == "https://b.example"
        foreign = server.ask("OPTIONS", "/v1/chat/completions", headers=dict(ask, Origin="https://c.example"))
        assert foreign.status == 204 and "access-control-allow-origin" not in foreign.headers
        wishes = "authorization,content-type,x-stainless-lang"
        assert server.ask("OPTIONS", "/v1/chat/completions", headers={**ask, "Access-Control-Request-Headers": wishes}).headers["access-control-allow-headers"] == wishes
        assert server.get("/llm/v1/models/my/model").json["id"] == "my/model"
        assert server.get("/llm/openapi.json").json["servers"] == [{"url": "/llm"}]


def a38_sigterm(folder):
    model = make_model(folder + "/endless", "endless", WORDS)
    server = Server(model, API_DRAIN_SECONDS="60")
    link = open_stream(server, max_tokens=2000)
    server.process.send_signal(signal.SIGTERM)
    rest = b""
    while part := link.recv(65536):
        rest += part
    assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), rest[-200:]
    assert b'"finish_reason":"length"' in rest
    assert server.stop() == 0
    server = Server(model, API_DRAIN_SECONDS="0")
    link = open_stream(server)
    server.process.send_signal(signal.SIGTERM)
    rest = b""
    while part := link.recv(65536):
        rest += part
    assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") and b'"error":{"message":"the server is shutting down"' in rest, rest[-400:]
    assert server.stop() == 0


def ignored_signals(folder):
    model = make_model(folder + "/ignored")
    before = {ignored: signal.signal(ignored, signal.SIG_IGN) for ignored in (signal.SIGHUP, signal.SIGINT)}  # a child inherits that
    try:
        server = Server(model)
    finally:
        for ignored, handler in before.items():
            signal.signal(ignored, handler)
    try:
        for ignored in before:
            server.process.send_signal(ignored)
        for _ in range(5):
            assert server.chat(max_tokens=20).status == 200
        assert "stopping" not in server.said()
    finally:
        assert server.stop() == 0


def hosts(folder):
    with serving(make_model(folder + "/hosts")) as server:
        refused = is_error(server.get("/v1/models", headers={"Host": "evil.example:8000"}), 403)
        assert "API_KEY" in refused["message"]
        assert server.get("/v1/models", headers={"Host": f"localhost:{server.port}"}).status == 200


def echo_without_bos(folder):
    model = pathlib.Path(make_model(folder + "/bos"))
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    name = "<|endoftext|>"
    tokenizer["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": name, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                                   "pair": [], "special_tokens": {name: {"id": name, "ids": [0], "tokens": [name]}}}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    with serving(model) as server:
        choice = server.complete(prompt="Hello", echo=True, logprobs=0, max_tokens=0).json["choices"][0]
        logprobs = choice["logprobs"]
        assert choice["text"] == "Hello" and logprobs["tokens"][0] == name, choice
        assert logprobs["text_offset"][:2] == [0, 0] and logprobs["text_offset"][-1] == len("Hello") - len(logprobs["tokens"][-1]), logprobs


def write_safetensors(file, tensors):
    """`tensors`: name to (shape, floats)."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        begin, data = len(data), data + struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    head += b" " * (-len(head) % 8)
    pathlib.Path(file).write_bytes(struct.pack("<Q", len(head)) + head + data)


def make_adapter(folder, model, seed, whole=(), dora=False):
    """A LoRA of rank 2 on every layer's q and v, with random numbers; and whole modules, by their names and shapes."""
    config, chance = json.loads((pathlib.Path(model) / "config.json").read_text()), random.Random(seed)
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    size = config.get("head_dim") or hidden // heads
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for name, rows in (("q_proj", heads * size), ("v_proj", config["num_key_value_heads"] * size)):
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[place + ".lora_A.weight"] = ([2, hidden], [chance.gauss(0, 0.5) for _ in range(2 * hidden)])
            tensors[place + ".lora_B.weight"] = ([rows, 2], [chance.gauss(0, 0.5) for _ in range(2 * rows)])
            if dora:
                tensors[place + ".lora_magnitude_vector"] = ([rows], [chance.uniform(0.5, 5) for _ in range(rows)])
    for name, shape in whole:
        tensors[f"base_model.model.{name}.weight"] = (shape, [chance.gauss(0, 0.2) for _ in range(math.prod(shape))])
    folder = pathlib.Path(folder)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "bias": "none", "task_type": "CAUSAL_LM", "use_dora": dora,
                                                            "modules_to_save": [name for name, _ in whole] or None}))
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    return str(folder)


def adapters(folder):
    model = make_model(folder + "/adapted")
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    table = [config["vocab_size"], config["hidden_size"]]
    paths = [make_adapter(f"{folder}/adapter-{seed}", model, seed) for seed in (1, 2)]
    paths.append(make_adapter(f"{folder}/adapter-3", model, 3, [("model.embed_tokens", table), ("lm_head", table)]))
    paths.append(make_adapter(f"{folder}/adapter-4", model, 4, dora=True))
    told = lambda server, name=None: server.chat(max_tokens=16, **({"model": name} if name else {})).json
    merged, marks = [], []
    for path in paths:
        with serving(model, "--adapter_name_or_path", path) as server:
            merged.append(told(server)["choices"])
            marks.append(told(server)["system_fingerprint"])
    with serving(model, "--lora_modules", f"first={paths[0]},sec/ond={paths[1]},whole={paths[2]},dora={paths[3]}") as server:
        base = told(server)
        assert base["model"] == "adapted" and told(server, "adapted")["choices"] == base["choices"]
        assert len({json.dumps(choices) for choices in (base["choices"], *merged)}) == 5
        for name, choices in zip(("first", "sec/ond", "whole", "dora"), merged):
            answer = told(server, name)
            assert answer["model"] == name and answer["choices"] == choices, (answer, choices)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:  # several in one step
            assert list(pool.map(lambda name: told(server, name)["choices"], ["first", "sec/ond", "whole", "dora", "adapted"] * 4)) == [*merged, base["choices"]] * 4
        # Weights that differ anywhere are told apart, equal ones are not.
        marks += [told(server, name)["system_fingerprint"] for name in ("adapted", "first", "sec/ond", "whole", "dora")]
        assert all(re.fullmatch(r"lmf-\d+\.\d+\.\d+-[0-9a-f]{8}", mark) for mark in marks), marks
        assert marks[:4] == marks[5:] and len(set(marks)) == 5, marks
        models = server.get("/v1/models").json["data"]
        assert [entry["id"] for entry in models] == ["adapted", "first", "sec/ond", "whole", "dora"] and [entry.get("parent") for entry in models] == [None, *["adapted"] * 4]
        assert server.get("/v1/models/sec/ond").json == models[2]
        embed = lambda name: server.post("/v1/embeddings", {"model": name, "input": "Hello"}).json["data"][0]["embedding"]
        assert not same(embed("first"), embed("adapted"))
        assert server.complete(prompt="Hello", model="first").json["model"] == "first"
        error = is_error(server.chat(model="third"), 404, "model", code="model_not_found")
        assert "'first'" in error["message"]
        is_error(server.get("/v1/models/third"), 404, code="model_not_found")
    weights = pathlib.Path(model) / "model.safetensors"
    bytes_of_all = bytearray(weights.read_bytes())
    bytes_of_all[8 + struct.unpack_from("<Q", bytes_of_all)[0]] ^= 1  # the first of a tensor
    weights.write_bytes(bytes_of_all)
    with serving(model) as server:
        assert told(server)["system_fingerprint"] not in marks


def a44_scores(folder):
    model = pathlib.Path(make_model(folder + "/judge"))
    size = json.loads((model / "config.json").read_text())["hidden_size"]

    def scores(weight, bias, texts, **members):
        write_safetensors(model / "value_head.safetensors", {"v_head.summary.weight": ([1, size], weight), "v_head.summary.bias": ([1], [bias])})
        with serving(model) as server:
            answer = server.post("/v1/score/evaluation", {"model": "x", "messages": texts, **members}).json
            assert answer["id"].startswith("scoreval-") and answer["object"] == "score.evaluation" and len(answer["scores"]) == len(texts), answer
            is_error(server.post("/v1/score/evaluation", {"model": "x", "messages": []}), 400, "messages")
            assert server.chat().status == 200
            vector = server.post("/v1/embeddings", {"input": server.post("/tokenize", {"content": texts[0]}).json["tokens"], "pooling": "last"}).json["data"][0]["embedding"]
            return answer["scores"], vector

    texts = ["Hello", "Oslo is a city.", "Hello there, Peru"]
    assert same(scores([0.0] * size, 0.5, texts)[0], [0.5] * 3)
    unit = lambda place: [float(i == place) for i in range(size)]
    (first, vector), (second, _) = scores(unit(1), 0.0, texts), scores(unit(2), 0.25, texts)
    assert len(set(first)) == 3 and abs((second[0] - 0.25) / first[0] - vector[2] / vector[1]) < 1e-3
    cut, _ = scores(unit(1), 0.0, texts, max_length=1)
    assert cut[0] != first[1] and cut[0] == scores(unit(1), 0.0, ["Hello"], max_length=1)[0][0]

    # An adapter that is kept apart has a head of its own, or none.
    write_head = lambda folder, bias: write_safetensors(folder + "/value_head.safetensors", {"v_head.summary.weight": ([1, size], [0.0] * size), "v_head.summary.bias": ([1], [bias])})
    judging, plain = (make_adapter(f"{folder}/judge-{seed}", model, seed) for seed in (1, 2))
    write_head(judging, 0.75)
    modules = ["--lora_modules", f"judging={judging},plain={plain}"]
    ask = lambda server, name: server.post("/v1/score/evaluation", {"model": name, "messages": ["Hello"]})
    write_head(str(model), 0.5)
    with serving(model, *modules) as server:
        assert same(ask(server, "judging").json["scores"], [0.75]) and same(ask(server, "judge").json["scores"], [0.5])
        assert "'plain'" in is_error(ask(server, "plain"), 405)["message"]
    (model / "value_head.safetensors").unlink()
    with serving(model, *modules) as server:
        assert same(ask(server, "judging").json["scores"], [0.75])
        is_error(ask(server, "judge"), 405)


def foreign_template(folder):
    """The demo's model has no row for Llama 3's tokens: that is no fault of who asks."""
    with serving(make_model(folder + "/foreign"), "--template", "llama3") as server:
        error = is_error(server.chat(), 500)
        assert "<|" in error["message"] and "template" in error["message"] and error["type"] == "server_error", error
        assert server.complete(prompt="Hello").status == 200


def wrong_use(folder):
    import os
    import subprocess
    from server import BUILD
    model = make_model(folder + "/wrong")
    def fails(status, sentence, *options, **variables):
        ran = subprocess.run([BUILD / "bin/lmf", "api", "--model_name_or_path", model, "--template", "chatml", *options], env={**os.environ, "API_PORT": "0", **variables},
                             capture_output=True, text=True, timeout=60)
        assert ran.returncode == status and sentence in ran.stderr, (ran.returncode, ran.stderr)
    fails(2, "API_PORT is 'x', expected a whole number from 0 to 65535", API_PORT="x")
    fails(2, "API_KEY is set and has no key", API_KEY=",", API_HOST="0.0.0.0")
    fails(1, "https needs its certificate: cannot read /no/such.pem: No such file or directory", API_TLS_CERT="/no/such.pem", API_TLS_KEY="/no/such.key")
    fails(2, "top_p", "--top_p", "2")
    fails(2, "lora_modules (command line) has 'x', expected NAME=FOLDER", "--lora_modules", "x")
    fails(2, "has the name 'wrong', which is another model's here", "--lora_modules", "wrong=/x")
    fails(2, "/no/such/folder", "--lora_modules", "x=/no/such/folder")
    width = json.loads((pathlib.Path(model) / "config.json").read_text())["hidden_size"]
    normed = make_adapter(folder + "/normed", model, 1, [("model.norm", [width])])
    fails(2, "holds 'model.norm.weight' whole (modules_to_save), and adapters that are kept apart share the norms", "--lora_modules", f"x={normed}")
    fails(2, "/no/such/folder", "--model_name_or_path", "/no/such/folder")
    fails(1, "192.0.2.1 is not an address of this machine", API_HOST="192.0.2.1")
    with serving(model) as server:
        fails(1, f"port {server.port} is in use by lmf (process {server.process.pid})", API_PORT=str(server.port))
        assert "for this machine alone" in server.said()


ALONE = [a01_health, a30_keys, a31_origins, a38_sigterm, ignored_signals, hosts, adapters, a44_scores, echo_without_bos, foreign_template, a_template_with_thoughts, wrong_use]


def main():
    wanted = lambda cases: [case for case in cases if len(sys.argv) < 2 or any(word in case.__name__ for word in sys.argv[1:])]

    def run(cases, argument):
        for case in cases:
            began = time.time()
            case(argument)
            print(f"{case.__name__}: passed, {time.time() - began:.1f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        if wanted(NOISE):
            with serving(make_model(folder + "/noise")) as server:
                run(wanted(NOISE), server)
        if wanted(TALKING):
            with serving(make_model(folder + "/talking", "endless", WORDS), MAX_CONCURRENT="4", API_MAX_QUEUE="3") as server:
                run([case for case in wanted(TALKING) if case is not a32_together], server)
            with serving(folder + "/talking", MAX_CONCURRENT="4") as server:
                run([case for case in wanted(TALKING) if case is a32_together], server)
        if wanted([reasoning]):
            with serving(make_model(folder + "/thinking", "thinking", "<think>Peru</think> is in South America.")) as server:
                run([reasoning], server)
        run(wanted(ALONE), folder)


main()
