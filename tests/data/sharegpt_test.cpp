#include <doctest/doctest.h>

#include "data/conversation.hpp"
#include "lmf/error.hpp"

using namespace lmf::data;
using lmf::text::Role;

namespace {

DatasetDescription sharegpt() {
  DatasetDescription dataset;
  dataset.formatting = Formatting::sharegpt;
  dataset.columns.system = "system";
  dataset.columns.tools = "tools";
  return dataset;
}

DatasetDescription openai() {
  DatasetDescription dataset = sharegpt();
  dataset.formatting = Formatting::openai;
  dataset.columns.messages = "messages";
  dataset.tags = {"role", "content", "user", "assistant", "tool", "function", "system"};
  return dataset;
}

Aligned align_sharegpt(const std::string& json, const DatasetDescription& dataset) {
  simdjson::dom::parser parser;
  SeenColumns seen;
  return lmf::data::align(parser.parse(json), dataset, seen);
}

/// A sharegpt record of these messages: "human:Hi gpt:Ho".
std::string record(const std::string& said, const std::string& more = "") {
  std::string messages;
  for (std::size_t at = 0; at < said.size();) {
    const auto end = std::min(said.find(' ', at), said.size()), colon = said.find(':', at);
    messages += (messages.empty() ? "" : ", ") + std::string(R"({"from": ")") + said.substr(at, colon - at) +
                R"(", "value": ")" + said.substr(colon + 1, end - colon - 1) + "\"}";
    at = end + 1;
  }
  return R"({"conversations": [)" + messages + "]" + more + "}";
}

std::string dropped(const std::string& said) { return align_sharegpt(record(said), sharegpt()).dropped; }

/// "u:Hi a:Ho": the messages, each with its role's first letter.
std::string flat(const Aligned& aligned) {
  CHECK(aligned.dropped == "");
  std::string text;
  for (const auto& message : aligned.conversation.messages)
    text += (text.empty() ? "" : " ") + std::string(1, "uasfo"[static_cast<int>(message.role)]) + ":" + message.content;
  return text;
}

std::string talk(const std::string& messages, const std::string& more = "") {
  return R"({"messages": [)" + messages + "]" + more + "}";
}

const std::string kUser = R"({"role": "user", "content": "Hi"})";
const std::string kAssistant = R"({"role": "assistant", "content": "Ho"})";

}  // namespace

TEST_CASE("messages become turns; a first system message is the system text and wins over the column") {
  CHECK(flat(align_sharegpt(record("human:Hi gpt:Ho human:Wind function_call:{} observation:3 gpt:Calm"),
                            sharegpt())) == "u:Hi a:Ho u:Wind f:{} o:3 a:Calm");
  const auto system = [](const std::string& said, const std::string& more) {
    return align_sharegpt(record(said, more), sharegpt()).conversation.system;
  };
  CHECK(system("system:Brief human:Hi gpt:Ho", R"(, "system": "Long")") == "Brief");
  CHECK(system("human:Hi gpt:Ho", R"(, "system": "Long")") == "Long");
  CHECK(system("human:Hi gpt:Ho", R"(, "system": null)") == "");
}

TEST_CASE("tools are JSON text or the list itself; an empty list is none") {
  const auto tools = [](const std::string& value) {
    return align_sharegpt(record("human:Hi gpt:Ho", ", \"tools\": " + value), sharegpt());
  };
  CHECK(tools(R"("[{\"name\": \"f\"}]")").conversation.tools == R"([{"name": "f"}])");
  CHECK(tools(R"([{"name": "f"}])").conversation.tools == R"([{"name":"f"}])");
  CHECK(tools("[]").conversation.tools == "");
  CHECK(tools("null").conversation.tools == "");
  CHECK(tools("7").dropped == "tools is a number, not a text");
}

TEST_CASE("messages that do not take turns drop the record, with what was expected") {
  CHECK(dropped("human:a human:b") ==
        "its messages do not take turns: gpt or function_call is expected where human stands");
  CHECK(dropped("gpt:a human:b") ==
        "its messages do not take turns: human or observation is expected where gpt stands");
  CHECK(dropped("human:a system:b gpt:c") ==
        "its messages do not take turns: gpt or function_call is expected where system stands");
  CHECK(dropped("human:a gpt:b human:c") == "its last message is a question, which has no answer");
  CHECK(dropped("system:a") == "conversations has no messages");
  CHECK(dropped("") == "conversations has no messages");
  CHECK(dropped("observation:3 gpt:b") == "");
}

TEST_CASE("messages of another form drop the record and name the tag") {
  const auto reason = [](const std::string& json) { return align_sharegpt(json, sharegpt()).dropped; };
  CHECK(reason("{}") == "conversations is missing");
  CHECK(reason(R"({"conversations": null})") == "conversations is missing");
  CHECK(reason(R"({"conversations": "Hi"})") == "conversations is a text, not a list of messages");
  CHECK(reason(R"({"conversations": ["Hi"]})") == "a message is a text, not an object");
  CHECK(reason(R"({"conversations": [{"role": "user", "content": "Hi"}]})") ==
        "a message has no 'from', which tags would name (role_tag)");
  CHECK(reason(R"({"conversations": [{"from": 1, "value": "Hi"}]})") == "from is a number, not a text");
  CHECK(reason(R"({"conversations": [{"from": "human", "text": "Hi"}]})") ==
        "a message has no 'value', which tags would name (content_tag)");
  CHECK(reason(R"({"conversations": [{"from": "human", "value": null}]})") == "value of a message is null, not a text");
  CHECK(reason(R"({"conversations": [{"from": "human", "value": ["Hi"]}]})") ==
        "value of a message is a list, not a text");
  CHECK(dropped("user:Hi assistant:Ho") == "from 'user' is none that tags name");
  CHECK(dropped("\\n\\u001b[2J:Hi") == "from '␊␛[2J' is none that tags name");  // nothing a terminal obeys
  CHECK_THROWS_WITH_AS(reason(R"({"conversations": [], "images": ["x.png"]})"), doctest::Contains("images"),
                       lmf::Error);
}

TEST_CASE("openai's calls are a list, results in a row are one, results at the end are left out") {
  const std::string calls =
      R"({"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"id": "2", "function": {"name": "g", "arguments": {"x": 1}}}]})";
  const std::string result = R"({"role": "tool", "content": "3"})";
  CHECK(flat(align_sharegpt(talk(kUser + "," + calls + "," + result + "," + result + "," + kAssistant), openai())) ==
        R"(u:Hi f:[{"name":"f","arguments":"{}"},{"name":"g","arguments":{"x":1}}] o:3)"
        "\n</tool_response>\n<tool_response>\n3 a:Ho");
  CHECK(flat(align_sharegpt(talk(kUser + "," + kAssistant + "," + result + "," + result), openai())) == "u:Hi a:Ho");
  CHECK(align_sharegpt(talk(kUser + "," + R"({"role": "assistant", "tool_calls": [{"id": "1"}]})"), openai()).dropped ==
        "one of its tool_calls has no function");
  CHECK(flat(align_sharegpt(talk(kUser + "," + R"({"role": "assistant", "content": "Ho", "tool_calls": []})"),
                            openai())) == "u:Hi a:Ho");
}

TEST_CASE("openai's system text says that there is no detailed thinking, where there are no tools") {
  const auto system = [](const std::string& opening, const std::string& more) {
    return align_sharegpt(talk(opening + kUser + "," + kAssistant, more), openai()).conversation.system;
  };
  const std::string brief = R"({"role": "system", "content": "Brief."},)";
  CHECK(system("", "") == "detailed thinking off");
  CHECK(system(brief, "") == "Brief.\ndetailed thinking off");
  CHECK(system(R"({"role": "system", "content": "Brief, detailed thinking on"},)", "") ==
        "Brief, detailed thinking on");
  CHECK(system(brief, R"(, "tools": [{"name": "f"}])") == "Brief.\n");
  CHECK(system("", R"(, "tools": [])") == "");
}
