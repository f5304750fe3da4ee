// Requests as clients write them. No model is needed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "protocol/api_error.hpp"
#include "protocol/chat_request.hpp"
#include "protocol/completion_request.hpp"
#include "protocol/embedding_request.hpp"

using namespace lmf::api;

namespace {

constexpr Bounds kBounds{.vocab_size = 100};

std::string chat(const std::string& members) {
  return R"({"messages":[{"role":"user","content":"hi"}])" + (members.empty() ? "" : "," + members) + "}";
}
std::string messages(const std::string& list) { return R"({"messages":)" + list + "}"; }

/// The member that a refusal names; "" for none, "accepted" when there is no refusal.
template <class Read>
std::string refused(const Read& read) {
  try {
    read();
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    const auto json = nlohmann::json::parse(error.json())["error"];
    CHECK(json.size() == 4);
    CHECK(json["message"].get<std::string>().size() > 10);
    CHECK(json["type"] == "invalid_request_error");
    CHECK(json.contains("code"));
    return json["param"].is_null() ? "" : json["param"].get<std::string>();
  }
  return "accepted";
}
std::string chat_refused(const std::string& body) {
  return refused([&] { read_chat_request(body, kBounds); });
}
std::string completion_refused(const std::string& body) {
  return refused([&] { read_completion_request(body, kBounds); });
}

}  // namespace

TEST_CASE("A24 A25: what is no request is refused, and the member at fault is named") {
  for (const char* body : {"", "\"text\"", "[]", "1", "null", "{", "{\"a\":}",
                           "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"})
    CHECK_MESSAGE(chat_refused(body).empty(), std::string(body));
  CHECK(chat_refused(std::string(100, '[') + std::string(100, ']')).empty());
  CHECK(chat_refused("{}") == "messages");
  CHECK(chat_refused(messages("null")) == "messages");
  CHECK(chat_refused(messages("\"text\"")) == "messages");
  CHECK(chat_refused(messages("[]")) == "messages");
  CHECK(chat_refused(messages("[123]")) == "messages[0]");
  CHECK(chat_refused(messages("[{}]")) == "messages[0].role");
  CHECK(chat_refused(messages(R"([{"role":123,"content":"a"}])")) == "messages[0].role");
  CHECK(chat_refused(messages(R"([{"role":"judge","content":"a"}])")) == "messages[0].role");
  CHECK(chat_refused(messages(R"([{"role":"user","content":123}])")) == "messages[0].content");
  CHECK(chat_refused(messages(R"([{"role":"user"}])")) == "messages[0].content");
  CHECK(chat_refused(messages(R"([{"role":"system","content":"a"}])")) == "messages");
  CHECK(chat_refused(messages(R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},)"
                              R"({"role":"assistant","content":"c"}])")) == "messages");
  CHECK(chat_refused(messages(R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])")) == "messages");
}

TEST_CASE("of what is nested too deeply the outermost member is named") {
  const std::string list = std::string(65, '[') + std::string(65, ']');
  CHECK(chat_refused(chat(R"("tools":[],"metadata":)" + list)) == "metadata");
  CHECK(chat_refused(chat(R"("metadata":)" + list.substr(1, 128))) == "accepted");
  CHECK(chat_refused("[" + list + "]") == "");
  const std::string call =
      R"([{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"function":{"name":"f",)"
      R"("arguments":"[)" +
      list + R"(]"}}]},{"role":"tool","content":"x"}])";
  CHECK(chat_refused(messages(call)) == "messages[1].tool_calls[0].function");
}

/// A reader that goes back to what it has read before would need hours for these.
TEST_CASE("many small objects beside each other are read as fast as any other text of their length") {
  std::string objects, members;
  for (int i = 0; i < 1'000'000; ++i) {
    objects += i == 0 ? "{}" : ",{}";
    members += fmt::format("{}\"{}\":{{}}", i == 0 ? "" : ",", i);
  }
  CHECK(chat_refused(messages("[" + objects + "]")) == "messages");
  CHECK(chat_refused(chat("\"x\":{" + members + "}")) == "accepted");
  CHECK(chat_refused(chat(R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{)" + members +
                          "}}}")) == "response_format");
  CHECK(chat_refused(chat(R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"enum":[)" +
                          objects + "]}}}")) == "response_format");
}

TEST_CASE("a message says what is wrong and what was expected, however long what was sent is") {
  const auto message = [](const ApiError& error) {
    return nlohmann::json::parse(error.json())["error"]["message"].get<std::string>();
  };
  try {
    read_chat_request(R"({"x":)" + std::string(3'000'000, '9') + "}", kBounds);
    FAIL("a number beyond all bounds was accepted");
  } catch (const ApiError& error) {
    CHECK(message(error).size() < 1100);
    CHECK(message(error).starts_with("the request is no JSON: body:1:"));
  }
  std::string characters;
  for (int i = 0; i < 100'000; ++i) characters += "\xe2\x82\xac";
  for (const std::string& sent : {characters, "a" + characters, "ab" + characters}) {
    const std::string cut = message(ApiError::invalid("x", "x is '" + sent + "', expected a number"));
    CHECK(cut.size() < 1100);
    CHECK(cut.starts_with("x is '"));
    CHECK(cut.ends_with("', expected a number"));
    CHECK(cut.find("\xef\xbf\xbd") == cut.npos);  // U+FFFD, which a part of a character would be
  }
  CHECK(message(ApiError::invalid("x", std::string(1000, 'y'))) == std::string(1000, 'y'));
}

TEST_CASE("A27 A47: members nobody knows are ignored; system and developer texts join wherever they stand") {
  const auto request = read_chat_request(
      R"({"unknown":{"a":1},"messages":[{"role":"developer","content":"one","name":"x"},{"role":"user","content":"a"},)"
      R"({"role":"system","content":"two"},{"role":"user","content":"b","odd":[]}]})",
      kBounds);
  CHECK(request.conversation.system == "one\n\ntwo");
  REQUIRE(request.conversation.turns.size() == 1);
  CHECK(request.conversation.turns[0].content == "a\n\nb");
}

TEST_CASE("A28 A48: text parts are joined; any other kind of part is refused by name") {
  const auto request = read_chat_request(
      messages(R"([{"role":"user","content":[{"type":"text","text":"ab"},{"type":"text","text":"cd"}]}])"), kBounds);
  CHECK(request.conversation.turns[0].content == "abcd");
  for (const char* part :
       {R"({"type":"image_url","image_url":{"url":"file:///etc/passwd"}})", R"({"type":"input_audio"})",
        R"({"text":"no type"})", R"({"type":"text"})", R"({"type":"text","text":1})", "7"})
    CHECK_MESSAGE(
        chat_refused(messages(R"([{"role":"user","content":[)" + std::string(part) + "]}]")) == "messages[0].content",
        std::string(part));
}

TEST_CASE("A06 A45: numbers outside their ranges are refused") {
  for (const char* member :
       {"\"seed\":9223372036854775808", "\"seed\":-9223372036854775809", "\"seed\":1.5", "\"seed\":\"1\""})
    CHECK_MESSAGE(chat_refused(chat(member)) == "seed", std::string(member));
  CHECK(read_chat_request(chat("\"seed\":-9223372036854775808"), kBounds).fields.seed ==
        std::numeric_limits<std::int64_t>::lowest());
  for (const char* member :
       {"\"temperature\":-1", "\"temperature\":3", "\"temperature\":true", "\"temperature\":1e999"})
    CHECK_MESSAGE(chat_refused(chat(member)) != "accepted", std::string(member));
  CHECK(chat_refused(chat("\"top_p\":1.1")) == "top_p");
  CHECK(chat_refused(chat("\"n\":0")) == "n");
  CHECK(chat_refused(chat("\"n\":129")) == "n");
  CHECK(chat_refused(chat("\"max_tokens\":-1")) == "max_tokens");
  for (const char* penalty : {"0", "1e-320", "0.001", "100.5", "1e308"})
    CHECK(chat_refused(chat("\"repetition_penalty\":" + std::string(penalty))) == "repetition_penalty");
  CHECK(chat_refused(chat("\"min_tokens\":-1")) == "min_tokens");
  CHECK(chat_refused(chat("\"min_tokens\":3,\"max_tokens\":2")) == "min_tokens");
  CHECK(read_chat_request(chat("\"min_tokens\":3"), kBounds).fields.min_tokens == 3);
  CHECK(chat_refused(chat("\"presence_penalty\":2.1")) == "presence_penalty");
  CHECK(read_chat_request(chat("\"top_k\":-1"), kBounds).fields.top_k == 0);
  const auto both =
      read_chat_request(chat("\"max_tokens\":1,\"max_completion_tokens\":2,\"temperature\":null"), kBounds);
  CHECK(both.fields.max_tokens == 2);
  CHECK_FALSE(both.fields.temperature.has_value());
}

TEST_CASE("presence_penalty is additive as OpenAI has it, or LLaMA-Factory's where that is asked for") {
  CHECK(read_chat_request(chat("\"presence_penalty\":0"), kBounds).fields.presence_penalty == 0.0);
  const Bounds compat{.vocab_size = 100, .lf_compat = true};
  CHECK(read_chat_request(chat("\"presence_penalty\":1.2"), compat).fields.repetition_penalty == 1.2);
}

TEST_CASE("A10 A13 A16 A17: stops, logprobs, biases and stream options keep to their forms") {
  CHECK(read_chat_request(chat(R"("stop":"a")"), kBounds).fields.stop == std::vector<std::string>{"a"});
  CHECK(read_chat_request(chat(R"("stop":["a","b","c","d"])"), kBounds).fields.stop.size() == 4);
  CHECK(chat_refused(chat(R"("stop":["a","b","c","d","e"])")) == "stop");
  CHECK(chat_refused(chat(R"("stop":"")")) == "stop");
  CHECK(chat_refused(chat(R"("stop":[1])")) == "stop");
  CHECK(read_chat_request(chat(R"("logprobs":true,"top_logprobs":5)"), kBounds).logprobs == 5);
  CHECK(read_chat_request(chat(R"("logprobs":true)"), kBounds).logprobs == 0);
  CHECK_FALSE(read_chat_request(chat(""), kBounds).logprobs.has_value());
  CHECK(chat_refused(chat(R"("logprobs":true,"top_logprobs":21)")) == "top_logprobs");
  CHECK(chat_refused(chat(R"("top_logprobs":1)")) == "top_logprobs");
  CHECK(read_chat_request(chat(R"("logit_bias":{"5":-100})"), kBounds).fields.logit_bias.front().first == 5);
  for (const char* bias : {R"({"100":1})", R"({"-1":1})", R"({"x":1})", R"({"5":101})", R"({"5":"1"})", "[]"})
    CHECK_MESSAGE(chat_refused(chat("\"logit_bias\":" + std::string(bias))) == "logit_bias", std::string(bias));
  std::string all;
  for (int id = 0; id < 100; ++id) all += fmt::format("{}\"{}\":-100", id == 0 ? "" : ",", id);
  CHECK(chat_refused(chat("\"logit_bias\":{" + all + "}")) == "logit_bias");
  CHECK(chat_refused(chat(R"("stream_options":{"include_usage":true})")) == "stream_options");
  const auto streamed = read_chat_request(chat(R"("stream":true,"stream_options":{"include_usage":true})"), kBounds);
  CHECK(streamed.fields.include_usage);
}

TEST_CASE("what this version does not do is refused, never ignored") {
  for (const char* member :
       {R"("tools":[{"type":"custom"}])", R"("functions":[{}])", R"("tool_choice":"required")",
        R"("response_format":{"type":"sound"})", R"("use_beam_search":true)", R"("guided_json":{})",
        R"("bad_words":["x"])", R"("include_stop_str_in_output":true)", R"("prompt_logprobs":0)",
        R"("truncate_prompt_tokens":5)", R"("suffix":"x")", R"("best_of":2)", R"("allowed_token_ids":[5])",
        R"("chat_template":"x")", R"("num_beams":4)", R"("mirostat":2)", R"("typical_p":0.5)", R"("num_beams":"1")"})
    CHECK_MESSAGE(chat_refused(chat(member)) != "accepted", std::string(member));
  for (const char* member :
       {R"("bad_words":[])", R"("include_stop_str_in_output":false)", R"("prompt_logprobs":null)", R"("suffix":"")",
        R"("n":2,"best_of":2)", R"("num_beams":1)", R"("mirostat":0,"typical_p":1.0,"top_n_sigma":-1,"n_predict":-1)"})
    CHECK_MESSAGE(chat_refused(chat(member)) == "accepted", std::string(member));
  CHECK(chat_refused(chat(R"("tools":[],"tool_choice":"auto","response_format":{"type":"text"})")) == "accepted");
}

namespace {

const std::string kTools =
    R"("tools":[{"type":"function","function":{"parameters":{"type":"object","properties":{"b":{},"a":{}}},"name":"f"}},{"type":"function","function":{"name":"g","description":"G.","strict":true}}])";

}  // namespace

TEST_CASE("A21: tools and the choice among them are read in all their forms") {
  const auto wishes = [](const std::string& members) { return read_chat_request(chat(members), kBounds).tools; };
  const auto both = wishes(kTools);
  CHECK(
      both.text ==
      R"([{"name":"f","parameters":{"type":"object","properties":{"b":{},"a":{}}}},{"name":"g","description":"G."}])");
  CHECK(both.choice == ToolWishes::Choice::automatic);
  REQUIRE(both.tools.size() == 2);
  CHECK(both.tools[0].parameters["properties"].size() == 2);
  CHECK(both.tools[1].strict);
  CHECK(both.several);
  CHECK_FALSE(wishes(kTools + R"(,"parallel_tool_calls":false)").several);
  CHECK(wishes(kTools + R"(,"tool_choice":"none")").choice == ToolWishes::Choice::none);
  CHECK(wishes(kTools + R"(,"tool_choice":"required")").choice == ToolWishes::Choice::required);
  const auto named = wishes(kTools + R"(,"tool_choice":{"type":"function","function":{"name":"g"}})");
  CHECK(named.choice == ToolWishes::Choice::required);
  REQUIRE(named.tools.size() == 1);
  CHECK(named.tools[0].name == "g");
  CHECK(named.text == both.text);  // the model is told of all
  CHECK(wishes("").choice == ToolWishes::Choice::none);
  for (const char* wrong :
       {R"("tools":{})", R"("tools":[1])", R"("tools":[{"type":"function"}])", R"("tools":[{"function":{}}])",
        R"("tools":[{"function":{"name":"a b"}}])", R"("tools":[{"function":{"name":"a","parameters":[]}}])",
        R"("tools":[{"function":{"name":"a","parameters":{"type":"string"}}}])",
        R"("tools":[{"function":{"name":"a","description":1}}])",
        R"("tools":[{"function":{"name":"a"}},{"function":{"name":"a"}}])",
        R"("tools":[{"type":"custom","custom":{}}])"})
    CHECK_MESSAGE(chat_refused(chat(wrong)) == "tools", std::string(wrong));
  for (const char* wrong : {R"("maybe")", "5", R"({"type":"function"})",
                            R"({"type":"function","function":{"name":"h"}})", R"({"type":"allowed_tools"})"})
    CHECK_MESSAGE(chat_refused(chat(kTools + R"(,"tool_choice":)" + wrong)) == "tool_choice", std::string(wrong));
  CHECK(chat_refused(chat(R"("tool_choice":"required")")) == "tool_choice");
}

TEST_CASE("A21: a function without parameters is called with none; one of any object says so") {
  const auto parameters = [](const std::string& members) {
    const std::string tool = R"("tools":[{"type":"function","function":{"name":"f")" + members + "}}]";
    return read_chat_request(chat(tool), kBounds).tools.tools.at(0).parameters;
  };
  for (const char* none : {"", R"(,"parameters":null)", R"(,"strict":true)"})
    CHECK_MESSAGE(parameters(none)["additionalProperties"] == false, std::string(none));
  CHECK(parameters(R"(,"parameters":{})").is_null());
}

TEST_CASE("A21: who has to call calls once, unless several are asked for") {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  const auto several = [&](const std::string& members) {
    return read_chat_request(chat(tools + members), kBounds).tools.several;
  };
  const std::string named = R"(,"tool_choice":{"type":"function","function":{"name":"f"}})";
  CHECK(several(""));
  CHECK_FALSE(several(R"(,"parallel_tool_calls":false)"));
  CHECK_FALSE(several(R"(,"tool_choice":"required")"));
  CHECK(several(R"(,"tool_choice":"required","parallel_tool_calls":true)"));
  CHECK_FALSE(several(named));
  CHECK_FALSE(several(named + R"(,"parallel_tool_calls":true)"));
}

TEST_CASE("A23: calls and their results are turns of a conversation") {
  const auto read = [](const std::string& list) {
    return read_chat_request(messages(R"([{"role":"user","content":"hi"},)" + list + "]"), kBounds).conversation.turns;
  };
  const auto turns = read(
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"b\":1.0,\"a\":\"<x>\"}"}},{"function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"one"}]},{"role":"tool","content":"two"})");
  REQUIRE(turns.size() == 4);
  CHECK(turns[1].role == lmf::text::Role::function);
  CHECK(turns[1].content == R"([{"name":"f","arguments":{"b":1.0,"a":"\u003cx>"}},{"name":"g","arguments":{}}])");
  CHECK(turns[2].role == lmf::text::Role::observation);
  CHECK(turns[2].content == "one");
  const std::string result = R"(,{"role":"function","name":"f","content":"x"})";
  // Whatever the text is: a call of an unknown function was given back as text.
  for (const std::string said : {"Let me see.", "I <tool_call>", "<tool_call>{}</tool_call>"}) {
    const auto turn = read(R"({"role":"assistant","content":")" + said +
                           R"(","function_call":{"name":"f","arguments":{"a":[]}}})" + result)[1];
    CHECK(turn.before == said + "\n");
    CHECK(turn.content == R"([{"name":"f","arguments":{"a":[]}}])");
  }
  CHECK(read(R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"no json"}}]})" + result)[1]
            .content == R"([{"name":"f","arguments":"no json"}])");
  CHECK(read(R"({"role":"assistant","content":"a","tool_calls":[]},{"role":"user","content":"b"})")[1].role ==
        lmf::text::Role::assistant);
  const auto wrong = [](const std::string& message) {
    return chat_refused(
        messages(R"([{"role":"user","content":"hi"},)" + message + R"(,{"role":"tool","content":"x"}])"));
  };
  CHECK(wrong(R"({"role":"assistant","tool_calls":5})") == "messages[1].tool_calls");
  CHECK(wrong(R"({"role":"assistant","tool_calls":[{}]})") == "messages[1].tool_calls[0].function");
  CHECK(wrong(R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]})") ==
        "messages[1].tool_calls[0].function");
  CHECK(wrong(R"({"role":"tool"})") == "messages[1].content");
  const auto many = [](int members) {
    std::string text = R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{)";
    for (int i = 0; i < members; ++i) text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
    return text + "}}}]}";
  };
  CHECK(wrong(many(1000)) == "accepted");
  CHECK(wrong(many(1001)) == "messages[1].tool_calls[0].function");
  CHECK(chat_refused(messages(
            R"([{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}])")) ==
        "messages");
}

TEST_CASE("thinking is switched off as Qwen's and OpenAI's users do it") {
  const auto thinks = [](const std::string& members) {
    return read_chat_request(chat(members), kBounds).conversation.thinks;
  };
  CHECK(thinks("") == std::nullopt);
  CHECK(thinks(R"("chat_template_kwargs":{"enable_thinking":true})") == true);
  CHECK(thinks(R"("chat_template_kwargs":{},"reasoning_effort":"high")") == true);
  CHECK(thinks(R"("chat_template_kwargs":{"enable_thinking":false})") == false);
  CHECK(thinks(R"("reasoning_effort":"none")") == false);
  CHECK(thinks(R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true})") == true);
  CHECK(chat_refused(chat(R"("reasoning_effort":"much")")) == "reasoning_effort");
  CHECK(chat_refused(chat(R"("chat_template_kwargs":{"enable_thinking":1})")) ==
        "chat_template_kwargs.enable_thinking");
  CHECK(chat_refused(chat(R"("chat_template_kwargs":{"documents":[]})")) == "chat_template_kwargs");
  CHECK(chat_refused(chat(R"("thinking":{"type":"enabled"})")) == "thinking");
}

TEST_CASE("A42: only an assistant's message can be continued, and only when asked for") {
  const std::string open = R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])";
  CHECK(
      read_chat_request(R"({"continue_final_message":true,"messages":)" + open + "}", kBounds).conversation.continues);
  CHECK(chat_refused(chat("\"continue_final_message\":true")) == "continue_final_message");
  CHECK(chat_refused(chat("\"add_generation_prompt\":false")) == "add_generation_prompt");
}

TEST_CASE("A43: prompts of completions in all their forms") {
  const auto prompts = [](const std::string& prompt) {
    return read_completion_request(R"({"prompt":)" + prompt + "}", kBounds).prompts;
  };
  CHECK(std::get<std::string>(prompts("\"a\"").at(0)) == "a");
  CHECK(prompts(R"(["a","b"])").size() == 2);
  CHECK(std::get<1>(prompts("[1,2]").at(0)) == std::vector<std::int32_t>{1, 2});
  CHECK(prompts("[[1],[2,3]]").size() == 2);
  CHECK(prompts(R"(["a",[2,3]])").size() == 2);
  for (const char* wrong : {"[]", "[[]]", "[-1]", "[100]", "[1.5]", "[1,\"a\"]", "1", "{}", "null", "[null]"})
    CHECK_MESSAGE(completion_refused(R"({"prompt":)" + std::string(wrong) + "}") == "prompt", std::string(wrong));
  CHECK(completion_refused(R"({"prompt":"a","suffix":"b"})") == "suffix");
  CHECK(completion_refused(R"({"prompt":"a","best_of":2})") == "best_of");
  CHECK(completion_refused(R"({"prompt":"a","logprobs":21})") == "logprobs");
}

TEST_CASE("embeddings and scores are asked for in all their forms") {
  const auto read = [](const std::string& members) {
    return read_embedding_request(R"({"input":"a",)" + members + "}", kBounds);
  };
  CHECK(std::get<std::string>(read(R"("model":"m")").inputs.at(0)) == "a");
  CHECK_FALSE(read(R"("model":"m")").base64);
  CHECK(read(R"("encoding_format":"base64","dimensions":3,"pooling":"last")").base64);
  CHECK(read(R"("encoding_format":"base64","dimensions":3,"pooling":"last")").last_token);
  const auto wrong = [](const std::string& body) { return refused([&] { read_embedding_request(body, kBounds); }); };
  for (const char* input : {"[]", "\"\"", "[[]]", "[\"a\",\"\"]", "[100]", "{}", "null"})
    CHECK_MESSAGE(wrong(R"({"input":)" + std::string(input) + "}") == "input", std::string(input));
  CHECK(wrong(R"({"input":"a","encoding_format":"int8"})") == "encoding_format");
  CHECK(wrong(R"({"input":"a","pooling":"max"})") == "pooling");
  CHECK(wrong(R"({"input":"a","dimensions":0})") == "dimensions");
  CHECK(read_score_request(R"({"messages":["a","b"],"max_length":5})").texts.size() == 2);
  const auto wrong_score = [](const std::string& body) { return refused([&] { read_score_request(body); }); };
  for (const char* texts : {"[]", "\"a\"", "[1]", "[{\"role\":\"user\"}]", "null"})
    CHECK_MESSAGE(wrong_score(R"({"messages":)" + std::string(texts) + "}") == "messages", std::string(texts));
  CHECK(wrong_score(R"({"messages":["a"],"max_length":0})") == "max_length");
}

TEST_CASE("one answer holds a bounded count of numbers") {
  const auto asked = [](std::size_t texts, std::int64_t size) {
    return refused([&] { require_moderate(texts, size, "input"); });
  };
  CHECK(asked(2048, 4096) == "accepted");
  CHECK(asked(2048, 4097) == "input");
  CHECK(asked(1024, 8192) == "accepted");
  CHECK(asked(1025, 8192) == "input");
}

TEST_CASE("of two names for one member both have to be right") {
  for (const char* wrong :
       {R"({"content":"a","prompt":1})", R"({"content":"a","add_special_tokens":true,"add_special":1})",
        R"({"content":"a","with_pieces":true,"return_token_strs":1})"})
    CHECK_MESSAGE(refused([&] { read_tokenize_request(wrong); }) != "accepted", std::string(wrong));
}

TEST_CASE("the ordered reading of a response format is bounded; other members cost nothing there") {
  const auto object = [](int members) {
    std::string text = "{";
    for (int i = 0; i < members; ++i) text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
    return text + "}";
  };
  const auto asked = [](const std::string& schema) {
    return chat(R"("response_format":{"type":"json_object","schema":)" + schema + "}");
  };
  CHECK(read_chat_request(asked(object(1000)), kBounds).form.schema.size() == 1000);
  CHECK(chat_refused(asked(object(1001))) == "response_format");
  std::string list = "[" + object(900);
  for (int i = 0; i < 60; ++i) list += "," + object(900);
  CHECK(chat_refused(asked(list + "]")) == "response_format");
  // Before its bound this took minutes.
  const auto request = read_chat_request(chat("\"metadata\":" + object(500'000) +
                                              R"(,"response_format":{"type":"json_object","schema":{"b":1,"a":[{}]}})"),
                                         kBounds);
  CHECK(request.form.schema.dump() == R"({"b":1,"a":[{}]})");
}
