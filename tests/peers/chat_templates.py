"""What chat_template.jinja of an exported folder makes of conversations in transformers, beside what `lmf api` makes of them with the template."""
import json
import shutil
import sys

from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer

from common import finish, lmf, root, run, smallest_model, verdict, work

sys.path.insert(0, str(root / "tests/api"))
from server import serving  # noqa: E402

WEATHER = {"name": "get_weather", "description": "Weather of a city, \"now\" or\nlater; it's {{free}}.", "parameters": {
    "type": "object", "required": ["city", "fields"], "properties": {
        "city": {"type": "string", "description": "Name, e.g. Zürich <b>"}, "days": {"type": "integer", "enum": [1, 7]},
        "fields": {"type": ["array", "null"], "description": "which", "items": {"type": "string"}},
        "items": {"type": "number", "description": "how many", "minimum": 1e-7, "default": 1.50}, "any": {}}}}
NOTHING = {"name": "noop", "description": "日本 😀"}
EMPTY = {"name": "stop", "description": "", "parameters": {"type": "object", "properties": {}}}
TOOLS = {"no tools": None, "an empty list": [], "one tool": [WEATHER], "three tools": [WEATHER, NOTHING, EMPTY]}


def call(name, arguments):
    return {"id": "abcdefghi", "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(said, *calls):
    return {"role": "assistant", "content": said, "tool_calls": list(calls)}


def result(text):
    return {"role": "tool", "tool_call_id": "abcdefghi", "content": text}


ASKED = [{"role": "user", "content": "It's 2 + 2?\n"}, {"role": "assistant", "content": "4\\n"}, {"role": "user", "content": "Weather?"}]
ONE = [*ASKED, calling(None, call("get_weather", {"city": "Zürich", "fields": ["wind", "<rain>"], "days": 1.0})), result('{"wind": 3}')]
SEVERAL = [*ASKED, calling("", call("noop", {}), call("get_weather", {"city": "a \"b\"\n", "deep": {"x": [None, True, 1e16]}})), result("{}"), result("3 m/s")]
CONVERSATIONS = {"questions": ASKED, "a call": ONE, "several calls": SEVERAL, "calls in turn": [*ONE, *SEVERAL[3:], {"role": "assistant", "content": "Calm."}, *SEVERAL],
                 "words before a call": [*ASKED, calling("Let me look.", call("noop", {})), result("5")], "a call at first": [*ONE, {"role": "user", "content": "So?"}]}
REFUSED = {"a later system text": [*ASKED, {"role": "system", "content": "Be brief."}], "a list for a content": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
           "an answer of nothing": [*ASKED, {"role": "assistant", "content": None}, *ASKED]}


def with_text_arguments(messages):
    messages = json.loads(json.dumps(messages))
    for message in messages:
        for one in message.get("tool_calls", []):
            one["function"]["arguments"] = json.dumps(one["function"]["arguments"], ensure_ascii=False)
    return messages


def rendered(tokenizer, messages, tools):
    return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)


def refuses(tokenizer, messages):
    try:
        rendered(tokenizer, messages, None)
    except TemplateError as error:
        return " " in str(error)
    return False


def compare(what, folder, *options):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    different = []
    with serving(folder, *options) as server:
        for (name, turns), (tools_name, tools), system in ((c, t, s) for c in CONVERSATIONS.items() for t in TOOLS.items() for s in (None, "", "Be 'brief'.")):
            messages = [*([] if system is None else [{"role": "system", "content": system}]), *turns]
            functions = tools and [{"type": "function", "function": tool} for tool in tools]
            answer = server.post("/apply-template", {"messages": with_text_arguments(messages), **({} if tools is None else {"tools": functions})})
            expected = answer.json.get("prompt", answer.body)
            for way, given, told in (("", messages, functions), (", arguments as text", with_text_arguments(messages), functions), (", bare functions", messages, tools)):
                found = rendered(tokenizer, given, told)
                different += [] if found == expected else [(f"{name}, {tools_name}, system {system!r}{way}", expected, found)]
    verdict(f"{what}: {len(CONVERSATIONS)} conversations with {len(TOOLS)} lists of tools and three system texts", not different)
    for where, expected, found in different[:2]:
        print(f"    {where}\n    lmf   {expected!r}\n    Jinja {found!r}")
    for name, messages in REFUSED.items():
        verdict(f"{what}: {name} is refused with a sentence", refuses(tokenizer, messages))


def compare_template(template, *options):
    folder = work / "chat-templates" / "-".join((template, *options[1:]))
    shutil.rmtree(folder, ignore_errors=True)
    run(lmf, "export", "--model_name_or_path", base, "--template", template, *options, "--export_dir", folder)
    compare(" ".join((template, *options)), folder, "--template", template, *options)


base = smallest_model(work / "chat-templates/model", 8192)
for template in sorted(file.stem for file in (root / "share/templates").glob("*.toml")):
    compare_template(template)
for tool_format in sorted(file.stem for file in (root / "share/tool_formats").glob("*.toml")):
    for template in ("chatml", "mistral"):
        compare_template(template, "--tool_format", tool_format)
finish()
