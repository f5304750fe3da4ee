"""PyPI langchain-openai: chat, tools bound to a model, structured answers, embeddings."""
import importlib.metadata
import os
from typing import Literal

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

server = ChatOpenAI(base_url=os.environ["LMF_ADDRESS"], api_key="key", model="m", temperature=0, max_completion_tokens=8)
caller = ChatOpenAI(base_url=os.environ["LMF_CALLER"], api_key="none", model="m")


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"cold in {city}"


class Town(BaseModel):
    """A town."""
    name: Literal["Oslo", "Lima"]
    large: bool


said = server.invoke([SystemMessage("Be brief."), HumanMessage("Hello")])
assert said.response_metadata["finish_reason"] == "length" and said.usage_metadata["output_tokens"] == 8, said
assert "".join(piece.content for piece in server.stream([SystemMessage("Be brief."), HumanMessage("Hello")])) == said.content

bound = caller.bind_tools([get_weather])
asked = bound.invoke("Weather in Oslo?")
assert [(call["name"], call["args"]) for call in asked.tool_calls] == [("get_weather", {"city": "Oslo"})], asked
total = None
for piece in bound.stream("Weather in Oslo?"):
    total = piece if total is None else total + piece
assert [(call["name"], call["args"]) for call in total.tool_calls] == [("get_weather", {"city": "Oslo"})], total
result = get_weather.invoke(asked.tool_calls[0])
assert isinstance(result, ToolMessage) and "cold" in result.content
assert server.bind_tools([get_weather]).invoke([HumanMessage("Weather in Oslo?"), asked, result]).response_metadata["finish_reason"]

roomy = server.model_copy(update={"max_tokens": 300})
for method in ("json_schema", "function_calling"):
    town = roomy.with_structured_output(Town, method=method).invoke("Name a town.")
    assert isinstance(town, Town), (method, town)
vectors = OpenAIEmbeddings(base_url=os.environ["LMF_ADDRESS"], api_key="key", model="m", check_embedding_ctx_length=False).embed_documents(["Hello", "Oslo"])
assert len(vectors) == 2 and vectors[0] != vectors[1]
print(f"langchain-openai {importlib.metadata.version('langchain-openai')}: content")
