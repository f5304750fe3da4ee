"""Case A46: OpenAI's own client (PyPI openai) against `lmf api`, as its users write it.

usage: openai_client.py      with a Python that has openai; LMF_BUILD names the build
"""
import asyncio
import pathlib
import sys
import tempfile

import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from server import make_model, serving  # noqa: E402

MESSAGES = [{"role": "user", "content": "Hello"}]


def chat(client):
    answer = client.chat.completions.create(model="any", messages=MESSAGES, max_completion_tokens=8, temperature=0)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 8
    raw = client.chat.completions.with_raw_response.create(model="any", messages=MESSAGES, max_tokens=8, temperature=0)
    assert raw.status_code == 200 and raw.parse().choices[0].message.content == answer.choices[0].message.content
    return answer.choices[0].message.content


def stream(client, said):
    pieces = list(client.chat.completions.create(model="any", messages=MESSAGES, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == said
    assert pieces[-1].usage.completion_tokens == 8
    with client.chat.completions.stream(model="any", messages=MESSAGES, max_tokens=8, temperature=0, logprobs=True, top_logprobs=2) as events:
        kinds = {event.type for event in events}
        final = events.current_completion_snapshot  # get_final_completion() refuses answers that their length ended
    assert {"content.delta", "content.done", "logprobs.content.delta"} <= kinds, kinds
    assert final.choices[0].message.content == said and len(final.choices[0].logprobs.content) == 8
    with client.chat.completions.create(model="any", messages=MESSAGES, max_tokens=400, stream=True) as cut:
        next(iter(cut))


def rest(client):
    assert client.models.list().data[0].id == client.models.retrieve("noise").id == "noise"
    assert client.completions.create(model="any", prompt="Hello", max_tokens=4, logprobs=2, echo=True).choices[0].text.startswith("Hello")
    for status, ask in ((openai.BadRequestError, lambda: client.chat.completions.create(model="any", messages=[], max_tokens=1)),
                        (openai.NotFoundError, lambda: client.models.retrieve("another")),
                        (openai.BadRequestError, lambda: client.chat.completions.create(model="any", messages=[{"role": "user", "content": "x " * 5000}]))):
        try:
            ask()
            raise AssertionError(f"{status} was expected")
        except status as error:
            assert error.body["message"] and "code" in error.body, error.body
    try:
        openai.OpenAI(base_url=client.base_url, api_key="wrong").models.list()
        raise AssertionError("a wrong key was taken")
    except openai.AuthenticationError:
        pass


async def together(address):
    client = openai.AsyncOpenAI(base_url=address, api_key="key")
    answers = await asyncio.gather(*(client.chat.completions.create(model="any", messages=MESSAGES, max_tokens=8, temperature=0) for _ in range(32)))
    assert len({answer.choices[0].message.content for answer in answers}) == 1


with tempfile.TemporaryDirectory() as folder:
    with serving(make_model(folder + "/noise"), API_KEY="key", API_HOST="127.0.0.1") as server:
        address = f"http://127.0.0.1:{server.port}/v1"
        client = openai.OpenAI(base_url=address, api_key="key")
        stream(client, chat(client))
        rest(client)
        asyncio.run(together(address))
print(f"openai {openai.__version__}: all passed")
