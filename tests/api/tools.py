"""Cases A21 to A23 of `lmf api`: tools, with models that are forced to call them, and with models that call them of their own accord.

usage: tools.py [CASE...]     LMF_BUILD names the build; a case is a part of its function's name
"""
import json
import sys
import tempfile
import time

from server import make_model, serving

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Lima"]}, "days": {"type": "integer"}, "late": {"type": "boolean"}},
    "required": ["city", "days", "late"], "additionalProperties": False}}}
NOOP = {"type": "function", "function": {"name": "noop", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, NOOP]
FORMATS = {"chatml": "default", "qwen": "qwen", "llama3": "llama3", "mistral": "mistral"}  # template: its format

# Answers as the formats write them, cut into tokens no two of which are equal.
SAID = {
    "chatml": ["Hm.", "\nAction: ", "get_weather", "\nAction Input: ", '{"city": "', "Oslo", '"}'],
    "qwen": ["Hm.", '\n<tool_call>\n{"name": "', "get_weather", '", "arguments": {', '"city": "', "Oslo", '"}', "}\n</tool_call>"],
    "qwen-twice": ['<tool_call>\n{"name": "', "get_weather", '", "arguments": {', '"city": "', "Oslo", '"}}\n</tool_call>\n<tool_call>',
                   '\n{"name": "n', 'oop", "arguments": {}', "}\n</tool_call>"],
    "broken": ["Hm.", '\n<tool_call>\n{"name": "', "get_weather", '", "arguments": {', '"city": ', "Oslo", "}", "}\n</tool_call>"],
    "unknown": ["Hm.", '\n<tool_call>\n{"name": "', "get_money", '", "arguments": {', '"city": "', "Oslo", '"}', "}\n</tool_call>"],
}


def joined_calls(chunks, index=0):
    """The calls of a stream: their first deltas with the arguments of all."""
    calls = []
    for chunk in chunks:
        for choice in chunk["choices"]:
            for part in choice["delta"].get("tool_calls", []) if choice["index"] == index else []:
                if part["index"] == len(calls):
                    assert set(part) == {"index", "id", "type", "function"} and part["function"]["arguments"] == "", part
                    calls.append({"id": part["id"], "type": part["type"], "function": dict(part["function"])})
                else:
                    assert part["index"] == len(calls) - 1 and set(part) == {"index", "function"} and set(part["function"]) == {"arguments"}, part
                    calls[-1]["function"]["arguments"] += part["function"]["arguments"]
    return calls


def said(chunks, index=0):
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"] if choice["index"] == index)


def finish(chunks, index=0):
    found = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index and choice["finish_reason"]]
    assert len(found) == 1, found
    return found[0]


def plain(calls):
    assert len({call["id"] for call in calls}) == len(calls) and all(call["id"].startswith("call_") and call["type"] == "function" for call in calls)
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def forced(server):
    """A model whose answers are noise calls what it has to, with arguments that keep to the schema."""
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        members = {"tools": TOOLS, "tool_choice": choice, "max_tokens": 300, "temperature": 1, "top_k": 0, "top_p": 1}
        for seed in range(4):
            answer = server.chat(seed=seed, **members).json["choices"][0]
            assert answer["finish_reason"] == "tool_calls" and answer["message"]["content"] is None, answer
            ((name, arguments),) = plain(answer["message"]["tool_calls"])
            assert name == "get_weather" or choice == "required" and name == "noop"
            values = json.loads(arguments)
            if name == "noop":
                assert values == {}
            else:
                assert list(values) == ["city", "days", "late"] and values["city"] in ("Oslo", "Lima") and isinstance(values["days"], int) and isinstance(values["late"], bool)
            chunks = server.chat(seed=seed, stream=True, **members).chunks
            assert plain(joined_calls(chunks)) == [(name, arguments)] and said(chunks) == "" and finish(chunks) == "tool_calls"
    for none in ({}, {"parameters": None}):  # no parameters: nothing to say
        tool = {"type": "function", "function": {"name": "now", **none}}
        answer = server.chat(tools=[tool], tool_choice="required", seed=2, temperature=1, top_k=0, top_p=1, max_tokens=300).json["choices"][0]
        ((name, arguments),) = plain(answer["message"]["tool_calls"])
        assert name == "now" and json.loads(arguments) == {} and answer["finish_reason"] == "tool_calls", answer
    several = server.chat(tools=[NOOP], tool_choice="required", parallel_tool_calls=True, n=2, temperature=1, seed=1, max_tokens=300, logprobs=True).json["choices"]
    for answer in several:
        assert {name for name, _ in plain(answer["message"]["tool_calls"])} == {"noop"}
        assert len(answer["logprobs"]["content"]) > 0

def cut_off(server):
    """Of a forced call that ends early the client is told the same in both ways: what there is of it from its name on, and no text."""
    twin = {"type": "function", "function": {"name": "get_weather_there", "parameters": {"type": "object", "properties": {}}}}  # a name that the other begins
    seen = set()
    for choice, seed in (("required", 0), ({"type": "function", "function": {"name": "get_weather"}}, 1)):
        members = {"tools": [WEATHER, twin], "tool_choice": choice, "seed": seed, "temperature": 1, "top_k": 0, "top_p": 1, "logprobs": True}

        def ask(**more):
            whole, chunks = server.chat(**members, **more).json["choices"][0], server.chat(stream=True, **members, **more).chunks
            calls = plain(whole["message"].get("tool_calls", []))
            assert (finish(chunks), said(chunks), plain(joined_calls(chunks))) == (whole["finish_reason"], whole["message"]["content"] or "", calls), (more, whole, chunks)
            tokens = [entry for chunk in chunks for part in chunk["choices"] for entry in (part["logprobs"] or {}).get("content") or []]
            assert tokens == whole["logprobs"]["content"], (more, whole, chunks)
            assert not whole["message"]["content"] and len(calls) <= 1, (more, whole)
            return whole["finish_reason"], *(calls[0] if calls else (None, None))

        _, name, arguments = ask(max_tokens=300)
        for limit in range(1, 300):
            end, called, so_far = ask(max_tokens=limit)
            assert end == ("tool_calls" if so_far == arguments else "length") and called in (None, name) and arguments.startswith(so_far or ""), (limit, end, called, so_far)
            seen.add((end, called is None, bool(so_far)))
            if so_far == arguments:
                break
        stopped, called, so_far = ask(max_tokens=300, stop=['"city"'])
        if name == "get_weather":
            assert (stopped, called) == ("stop", name) and so_far.strip() == "{", (stopped, called, so_far)
    assert seen == {("length", True, False), ("length", False, False), ("length", False, True), ("tool_calls", False, True)}, seen


def not_forced(server):
    for members in ({"tool_choice": "none"}, {"tool_choice": "auto"}, {}):
        message = server.chat(tools=TOOLS, max_tokens=20, **members).json["choices"][0]["message"]
        assert "tool_calls" not in message and message["content"], message
    told = server.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}], "tools": TOOLS}).json
    assert "get_weather" in told["prompt"] and "Weather of a city." in told["prompt"]
    assert server.chat(tools=TOOLS).json["usage"]["prompt_tokens"] == told["count"]
    either = server.chat(tools=[NOOP], response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": [1]}}}, max_tokens=200, temperature=1).json["choices"][0]
    assert either["message"].get("tool_calls") or json.loads(either["message"]["content"]) == 1, either
    strict = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}}}}
    refused = server.chat(tools=[strict], tool_choice="required")
    assert refused.status == 400 and refused.json["error"]["param"] == "tools" and "'format'" in refused.json["error"]["message"], refused.body


def round_trip(server):
    """A23: calls and results stand in the prompt as they were."""
    messages = [{"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}},
                                                                      {"id": "b", "type": "function", "function": {"name": "noop", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "a", "content": "-3 degrees"}, {"role": "tool", "tool_call_id": "b", "content": "nothing"}]
    prompt = server.post("/apply-template", {"messages": messages, "tools": TOOLS}).json["prompt"]
    assert '"city": "Oslo"' in prompt and "-3 degrees" in prompt and prompt.index("-3 degrees") < prompt.index("nothing"), prompt
    answer = server.chat(messages=messages, tools=TOOLS, max_tokens=4)
    assert answer.status == 200, answer.body
    # A call of a function that is not there was given back as text, and comes again beside one that is.
    text = 'Hm.\n<tool_call>\n{"name": "get_money", "arguments": {}}\n</tool_call>'
    messages[1]["content"] = text
    with_text = server.post("/apply-template", {"messages": messages, "tools": TOOLS}).json["prompt"]
    assert with_text.replace(text + "\n", "", 1) == prompt, with_text
    assert (text in with_text) == ("Action Input:" in prompt or "<tools>" in prompt), with_text  # where text may stand before a call


def speaking(folder, name, template, tools, **members):
    model = make_model(f"{folder}/{name}", "marked", "".join(SAID[name]), *SAID[name])
    with serving(model, "--template", template) as server:
        ask = lambda **more: server.chat(tools=tools, max_tokens=50, **members, **more)
        whole, chunks = ask().json["choices"][0], ask(stream=True).chunks
        assert (finish(chunks), said(chunks)) == (whole["finish_reason"], whole["message"]["content"] or ""), (whole, chunks)
        assert plain(joined_calls(chunks)) == plain(whole["message"].get("tool_calls", [])), (whole, chunks)
        return whole, chunks


def of_its_own(folder):
    for template in ("chatml", "qwen"):
        whole, chunks = speaking(folder, template, template, TOOLS)
        assert whole["finish_reason"] == "tool_calls" and whole["message"]["content"] == "Hm.", whole
        assert plain(whole["message"]["tool_calls"]) == [("get_weather", '{"city": "Oslo"}')]
        pieces = [part["function"]["arguments"] for chunk in chunks for choice in chunk["choices"] for part in choice["delta"].get("tool_calls", [])]
        assert len(pieces) >= 3, pieces  # as they come


def another_format(folder):
    """--tool_format, over the template's own."""
    with serving(make_model(f"{folder}/another", "roomy"), "--tool_format", "qwen") as server:
        told = server.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}], "tools": TOOLS}).json["prompt"]
        assert "<tools>" in told, told


def twice(folder):
    whole, _ = speaking(folder, "qwen-twice", "qwen", TOOLS)
    assert plain(whole["message"]["tool_calls"]) == [("get_weather", '{"city": "Oslo"}'), ("noop", "{}")], whole
    once, _ = speaking(folder + "/once", "qwen-twice", "qwen", TOOLS, parallel_tool_calls=False)
    assert plain(once["message"]["tool_calls"]) == [("get_weather", '{"city": "Oslo"}')] and once["finish_reason"] == "tool_calls"


def broken(folder):
    """A call whose arguments are no JSON is text."""
    model = make_model(f"{folder}/broken", "marked", "".join(SAID["broken"]), *SAID["broken"])
    with serving(model, "--template", "qwen") as server:
        whole = server.chat(tools=TOOLS, max_tokens=50).json["choices"][0]
        assert whole["finish_reason"] == "stop" and whole["message"]["content"] == "".join(SAID["broken"]) and "tool_calls" not in whole["message"], whole


def no_call(folder):
    """Of a tool that is not there, or where none may be called, it is text."""
    whole, _ = speaking(folder, "unknown", "qwen", TOOLS)
    assert whole["finish_reason"] == "stop" and whole["message"]["content"] == "".join(SAID["unknown"]), whole
    none, _ = speaking(folder + "/none", "qwen", "qwen", TOOLS, tool_choice="none")
    assert none["finish_reason"] == "stop" and "<tool_call>" in none["message"]["content"], none


def main():
    wanted = lambda cases: [case for case in cases if len(sys.argv) < 2 or any(word in case.__name__ for word in sys.argv[1:])]

    def run(cases, argument, of=""):
        for case in cases:
            began = time.time()
            case(argument)
            print(f"{case.__name__}{of}: passed, {time.time() - began:.1f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        shared = wanted([forced, cut_off, not_forced, round_trip])
        for template in FORMATS if shared else ():
            with serving(make_model(f"{folder}/noise-{template}", "roomy"), "--template", template) as server:
                run(shared, server, f" ({template})")
        run(wanted([of_its_own, another_format, twice, broken, no_call]), folder)


main()
