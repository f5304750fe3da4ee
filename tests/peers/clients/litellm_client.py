"""PyPI litellm, with the prefix that its users write for a server of OpenAI's kind."""
import importlib.metadata
import json
import os

import litellm

SERVER = {"model": "openai/m", "api_base": os.environ["LMF_ADDRESS"], "api_key": "key"}
CALLER = {"model": "openai/m", "api_base": os.environ["LMF_CALLER"], "api_key": "none"}
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}

whole = litellm.completion(messages=HELLO, max_tokens=8, temperature=0, **SERVER)
assert whole.choices[0].finish_reason == "length" and whole.usage.completion_tokens == 8, whole
pieces = list(litellm.completion(messages=HELLO, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}, **SERVER))
assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == whole.choices[0].message.content

call = litellm.completion(messages=HELLO, tools=[WEATHER], **CALLER).choices[0]
assert call.finish_reason == "tool_calls" and json.loads(call.message.tool_calls[0].function.arguments) == {"city": "Oslo"}, call
built = litellm.stream_chunk_builder(list(litellm.completion(messages=HELLO, tools=[WEATHER], stream=True, **CALLER)), messages=HELLO)
assert built.choices[0].message.tool_calls[0].function.arguments == call.message.tool_calls[0].function.arguments, built
assert len(litellm.embedding(input=["Hello", "Oslo"], **SERVER).data) == 2
try:
    litellm.completion(messages=[{"role": "user", "content": "x " * 20000}], **SERVER)
    raise AssertionError("a prompt that is too long was taken")
except litellm.ContextWindowExceededError:
    pass
try:
    litellm.completion(messages=HELLO, **{**SERVER, "api_key": "wrong"})
    raise AssertionError("a wrong key was taken")
except litellm.AuthenticationError:
    pass
print(f"litellm {importlib.metadata.version('litellm')}: content")
