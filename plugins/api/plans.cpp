#include "plans.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "infer/json_grammar.hpp"
#include "infer/tool_grammar.hpp"
#include "prompts.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

AnswerHead head_of(Service& service, Route route, const ModelId& model) {
  return {.route = route,
          .id = (route == Route::chat ? "chatcmpl-" : "cmpl-") + service.new_id(),
          .created = std::time(nullptr),
          .model = model.name,
          .fingerprint = service.fingerprint(model.adapter)};
}

/// The texts that may be answered: those of the response format, calls of tools where there are some, or, where they
/// are required, nothing else.
std::optional<infer::Recogniser> recogniser_of(const Service& service, const ChatRequest& request,
                                               const std::string& mark) {
  const bool required = request.tools.choice == ToolWishes::Choice::required;
  const bool callable = request.tools.choice != ToolWishes::Choice::none;
  if (!required && !request.form.json) return std::nullopt;
  infer::Grammar grammar;
  std::vector<infer::Grammar::Sequence> answers;
  const char* member = "tools";
  try {
    if (callable)
      answers.push_back({infer::tool_calls_rule(grammar, *service.chat_template().tool_format, request.tools.tools,
                                                request.tools.several, !mark.empty())});
    if (!required) {
      member = "response_format";
      answers.push_back({request.form.schema.is_null() ? infer::json_object_rule(grammar)
                                                       : infer::json_schema_rule(grammar, request.form.schema)});
    }
    const auto start = grammar.rule(std::move(answers));
    return infer::Recogniser(std::move(grammar), start);
  } catch (const Error& error) {
    throw ApiError::invalid(member, fmt::format("{}: {}", member, error.what()));
  }
}

std::optional<CallForm> call_form(const Service& service, const ToolWishes& wishes, const std::string& mark) {
  if (wishes.choice == ToolWishes::Choice::none) return std::nullopt;
  CallForm form{.format = service.chat_template().tool_format,
                .mark = mark,
                .names = {},
                .several = wishes.several,
                .required = wishes.choice == ToolWishes::Choice::required};
  for (const infer::ToolSignature& tool : wishes.tools) form.names.push_back(tool.name);
  return form;
}

/// How many tokens stand before those of the text itself.
std::size_t added_in_front(const std::vector<std::int32_t>& ids, const std::vector<std::int32_t>& of_text) {
  if (of_text.empty()) return ids.size();
  const auto place = std::find_end(ids.begin(), ids.end(), of_text.begin(), of_text.end());
  return place == ids.end() ? 0 : static_cast<std::size_t>(place - ids.begin());
}

}  // namespace

GenerationPlan chat_plan(Service& service, const ModelId& model, ChatRequest request) {
  if (request.fields.max_tokens == 0) throw ApiError::invalid("max_tokens", "max_tokens is 0, expected 1 or more");
  const std::string mark = call_mark(service.chat_template());
  GenerationPlan plan;
  plan.head = head_of(service, Route::chat, model);
  plan.adapter = model.adapter;
  plan.prompts.push_back(
      {encode_conversation(service.chat_template(), service.tokenizer(), request.conversation, request.tools.text),
       {}});
  if (request.tools.choice == ToolWishes::Choice::required && !mark.empty()) {
    // Often a special token, which a grammar over bytes cannot ask for.
    const auto opening = service.tokenizer().encode(mark);
    plan.prompts[0].ids.insert(plan.prompts[0].ids.end(), opening.begin(), opening.end());
  }
  plan.logprobs = request.logprobs;
  plan.form = recogniser_of(service, request, mark);
  plan.tools = call_form(service, request.tools, mark);
  plan.fields = std::move(request.fields);
  plan.splits_reasoning = request.splits_reasoning;
  return plan;
}

GenerationPlan completion_plan(Service& service, const ModelId& model, CompletionRequest request) {
  constexpr std::int64_t kDefaultTokens = 16;  // OpenAI's
  if (!request.fields.max_tokens) request.fields.max_tokens = kDefaultTokens;
  if (*request.fields.max_tokens == 0 && !request.echo)
    throw ApiError::invalid("max_tokens", "max_tokens is 0, expected 1 or more (or echo: true)");
  GenerationPlan plan;
  plan.head = head_of(service, Route::completions, model);
  plan.adapter = model.adapter;
  for (Prompt& prompt : request.prompts) {
    ReadyPrompt ready;
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      ready.ids = service.tokenizer().encode(*text, /*add_special_tokens=*/true);
      if (request.echo) {
        ready.echo = *text;
        ready.added = added_in_front(ready.ids, service.tokenizer().encode(*text, /*add_special_tokens=*/false));
      }
    } else {
      ready.ids = std::move(std::get<std::vector<std::int32_t>>(prompt));
      if (request.echo) ready.echo = service.tokenizer().decode(ready.ids);
    }
    plan.prompts.push_back(std::move(ready));
  }
  plan.fields = std::move(request.fields);
  plan.logprobs = request.logprobs;
  plan.echo = request.echo;
  return plan;
}

}  // namespace lmf::api
