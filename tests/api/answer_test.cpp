// The texts that the server answers with.
#include "protocol/answer.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "metrics.hpp"
#include "protocol/api_error.hpp"
#include "protocol/embedding_request.hpp"
#include "protocol/reasoning.hpp"

using namespace lmf::api;

TEST_CASE("A22: calls are OpenAI's, whole and streamed") {
  const AnswerHead head{.route = Route::chat, .id = "chatcmpl-1", .created = 5, .model = "m", .fingerprint = "f"};
  const CallText call{"call_1", "f", "{\"a\": \"b\"}"};
  Choice choice{.index = 0,
                .text = {},
                .reasoning = {},
                .calls = {call, {"call_2", "g", "{}"}},
                .finish = "tool_calls",
                .logprobs = {}};
  const auto message = nlohmann::json::parse(whole_answer(head, {choice}, {}, {}))["choices"][0]["message"];
  CHECK(message["content"].is_null());
  CHECK(message["tool_calls"].size() == 2);
  CHECK(message["tool_calls"][0] ==
        nlohmann::json::parse(
            R"({"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": \"b\"}"}})"));
  const StreamText stream(head, false);
  const auto begin = nlohmann::json::parse(stream.call(0, 1, &call, "", nullptr, {}))["choices"][0];
  CHECK(begin["delta"]["tool_calls"][0]["index"] == 1);
  CHECK(begin["delta"]["tool_calls"][0]["function"]["name"] == "f");
  CHECK(begin["finish_reason"].is_null());
  const auto more = nlohmann::json::parse(stream.call(0, 1, nullptr, "\"x", nullptr, {}))["choices"][0]["delta"];
  CHECK(more["tool_calls"][0] == nlohmann::json::parse(R"({"index":1,"function":{"arguments":"\"x"}})"));
}

TEST_CASE("vectors are numbers, or their bytes in base64") {
  std::vector<float> vector = {3, 0, -4};
  make_unit_length(vector);
  CHECK(vector == std::vector<float>{0.6f, 0, -0.8f});
  const auto answer = [&](bool base64) {
    return nlohmann::json::parse(embedding_answer("m\"", {vector, {1, 0, 0}}, base64, 7));
  };
  CHECK(answer(false)["data"][0]["embedding"].get<std::vector<float>>() == vector);
  CHECK(answer(false)["data"][1]["index"] == 1);
  CHECK(answer(false)["usage"]["total_tokens"] == 7);
  CHECK(answer(true)["data"][0]["embedding"] == "mpkZPwAAAADNzEy/");  // Python's struct and base64
  CHECK_THROWS_AS(embedding_answer("m", {{std::numeric_limits<float>::infinity()}}, false, 1), lmf::Error);
  const auto scores = nlohmann::json::parse(score_answer("scoreval-1", "m", {0.5f, -1}));
  CHECK(scores["object"] == "score.evaluation");
  CHECK(scores["scores"].get<std::vector<float>>() == std::vector<float>{0.5f, -1});
}

TEST_CASE("answers are JSON with OpenAI's members, whatever the model said") {
  const AnswerHead head{.route = Route::chat, .id = "chatcmpl-1", .created = 5, .model = "m\"", .fingerprint = "f"};
  Choice choice{.index = 0,
                .text = "a\n\xff",
                .reasoning = {},
                .calls = {},
                .finish = "stop",
                .logprobs = std::vector<LogprobEntry>{}};
  LogprobEntry entry;
  entry.chosen = {"\xc3", -0.5f};
  entry.top = {{"a", -1.0f}};
  choice.logprobs->push_back(entry);
  const auto whole = nlohmann::json::parse(whole_answer(head, {choice}, {3, 2, 1}, Timings{}));
  CHECK(whole["object"] == "chat.completion");
  CHECK(whole["choices"][0]["message"]["content"] == "a\n\xef\xbf\xbd");
  CHECK(whole["choices"][0]["message"]["refusal"].is_null());
  CHECK(whole["choices"][0]["logprobs"]["content"][0]["bytes"] == nlohmann::json({0xc3}));
  CHECK(whole["usage"]["total_tokens"] == 5);
  CHECK(whole["usage"]["prompt_tokens_details"]["cached_tokens"] == 1);
  CHECK(whole.contains("timings"));
  const StreamText stream(head, true);
  for (const auto& text :
       {stream.opening(1), stream.piece(1, "x", nullptr, std::nullopt), stream.ending(1, "stop", std::nullopt)}) {
    const auto event = nlohmann::json::parse(text);
    CHECK(event["object"] == "chat.completion.chunk");
    CHECK(event["choices"][0]["index"] == 1);
    CHECK(event["usage"].is_null());
  }
  CHECK(nlohmann::json::parse(stream.totals({3, 2, 0}, std::nullopt))["choices"].empty());
  const AnswerHead text_head{
      .route = Route::completions, .id = "cmpl-1", .created = 5, .model = "m", .fingerprint = "f"};
  const auto completion = nlohmann::json::parse(whole_answer(text_head, {choice}, {}, {}));
  CHECK(completion["choices"][0]["logprobs"]["top_logprobs"][0]["a"] == -1.0);
}

TEST_CASE("reasoning is told apart from the answer, in whatever pieces it comes") {
  struct Text {
    const char *whole, *reasoning, *content;
  };
  const Text texts[] = {{"<think>\na < b</think>\n\nYes </think>", "\na < b", "Yes </think>"},
                        {" \n<think>x</think>", "x", ""},
                        {"<think>never </thin", "never </thin", ""},
                        {"<thin", "", "<thin"},
                        {"plain <think>a</think>", "", "plain <think>a</think>"},
                        {"  plain", "", "  plain"},
                        {"", "", ""}};
  for (const Text& text : texts) {
    for (const std::size_t step : {1, 2, 3, 5, 100}) {
      ReasoningSplit split;
      std::string reasoning, content;
      const auto add = [&](const ReasoningSplit::Parts& parts) {
        reasoning += parts.reasoning;
        content += parts.content;
      };
      const std::string_view whole = text.whole;
      for (std::size_t begin = 0; begin < whole.size(); begin += step) add(split.push(whole.substr(begin, step)));
      add(split.finish());
      CHECK(reasoning == text.reasoning);
      CHECK(content == text.content);
    }
  }
}

TEST_CASE("a client hears the reason of a failure unless it is a fault of ours, which the log alone hears") {
  CHECK(std::string(engine_failure(lmf::Error("the prompt is odd")).what()) == "the prompt is odd");
  const auto fault = engine_failure(lmf::Error("at frame #0: c10::Error", {}, lmf::kExitInternal));
  CHECK(fault.status() == 500);
  CHECK(fault.json().find("server_error") != std::string::npos);
  CHECK(fault.json().find("frame") == std::string::npos);
  CHECK(engine_failure(std::nullopt).status() == 500);
  CHECK(engine_failure_reason(lmf::Error("out of memory", "ask for less", lmf::kExitInternal)) ==
        "out of memory; ask for less");
  CHECK(engine_failure(lmf::Error("logit_bias forbids all", {}, lmf::kExitUsage)).status() == 400);
}

TEST_CASE("offsets in a text count characters") {
  CHECK(characters("") == 0);
  CHECK(characters("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") == 4);
  CHECK(characters("\xe2\x82") + characters("\xac") == 1);
}

TEST_CASE("metrics count exactly") {
  Metrics metrics;
  metrics.answered("/v1/models", 200);
  metrics.answered("/v1/models", 200);
  metrics.generated(0.02, 0.3, 30, 4);
  for (const double gap : {0.02, 0.02, 0.3}) metrics.token_gap(gap);
  const std::string text = metrics.text({.running = 3});
  CHECK(text.find("lmf_requests_total{route=\"/v1/models\",code=\"200\"} 2\n") != text.npos);
  CHECK(text.find("lmf_requests_running 3\n") != text.npos);
  CHECK(text.find("lmf_time_to_first_token_seconds_bucket{le=\"0.01\"} 0\n") != text.npos);
  CHECK(text.find("lmf_time_to_first_token_seconds_bucket{le=\"0.025\"} 1\n") != text.npos);
  CHECK(text.find("lmf_generation_tokens_sum 4\n") != text.npos);
  CHECK(text.find("lmf_inter_token_latency_seconds_bucket{le=\"0.025\"} 2\n") != text.npos);
  CHECK(text.find("lmf_inter_token_latency_seconds_bucket{le=\"0.5\"} 3\n") != text.npos);
  CHECK(text.find("lmf_inter_token_latency_seconds_count 3\n") != text.npos);
  CHECK(text.find("lmf_preemptions_total 0\n") != text.npos);
  CHECK(text.find("gpu_memory") == text.npos);  // where there is none
  const std::string busy = metrics.text({.steps_of = {9, 5, 0, 2}, .gpu_bytes = 1 << 20});
  CHECK(busy.find("lmf_batch_size_bucket{le=\"2\"} 5\n") != busy.npos);
  CHECK(busy.find("lmf_batch_size_bucket{le=\"4\"} 7\n") != busy.npos);
  CHECK(busy.find("lmf_batch_size_sum 11\n") != busy.npos);
  CHECK(busy.find("lmf_gpu_memory_used_bytes 1048576\n") != busy.npos);
}
