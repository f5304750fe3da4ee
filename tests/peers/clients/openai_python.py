"""PyPI openai: tools, structured answers, embeddings. What else it does is in tests/peers/openai_client.py."""
import json
import os
from typing import Literal

import openai
from pydantic import BaseModel

client = openai.OpenAI(base_url=os.environ["LMF_ADDRESS"], api_key="key")
caller = openai.OpenAI(base_url=os.environ["LMF_CALLER"], api_key="none")
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Lima"]}}, "required": ["city"], "additionalProperties": False}}}


class Town(BaseModel):
    name: Literal["Oslo", "Lima"]
    large: bool


class get_weather(BaseModel):
    """Weather of a city."""
    city: Literal["Oslo", "Lima"]


def called(choice):
    assert choice.finish_reason == "tool_calls", choice
    call = choice.message.tool_calls[0]
    assert call.type == "function" and call.function.name == "get_weather" and json.loads(call.function.arguments)["city"] in ("Oslo", "Lima"), call
    return call


def tools():
    messages = [{"role": "user", "content": "Weather?"}]
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        call = called(client.chat.completions.create(model="m", messages=messages, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False, max_completion_tokens=200).choices[0])
    answer = caller.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    call = called(answer.choices[0])
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "-3"}]
    assert client.chat.completions.create(model="m", messages=messages, tools=[WEATHER], max_tokens=4).choices[0].finish_reason == "length"
    with caller.chat.completions.stream(model="m", messages=messages[:1], tools=[openai.pydantic_function_tool(get_weather)]) as events:
        kinds = [event.type for event in events]
        parsed = events.get_final_completion().choices[0].message.tool_calls[0].function.parsed_arguments
    assert parsed == get_weather(city="Oslo"), parsed
    assert kinds.count("tool_calls.function.arguments.delta") >= 3 and "tool_calls.function.arguments.done" in kinds, kinds


def structure():
    answer = client.chat.completions.parse(model="m", messages=[{"role": "user", "content": "Name a town."}], response_format=Town, max_tokens=200)
    assert isinstance(answer.choices[0].message.parsed, Town), answer


def vectors():
    one, two = client.embeddings.create(model="m", input=["Hello", "Oslo"]).data
    assert len(one.embedding) == len(two.embedding) and one.embedding != two.embedding
    plain = client.embeddings.create(model="m", input="Hello", encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(plain, one.embedding)) < 1e-6


tools()
structure()
vectors()
print(f"openai {openai.__version__}: content")
