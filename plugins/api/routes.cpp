#include "routes.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "generation.hpp"
#include "http/server.hpp"
#include "plans.hpp"
#include "prompts.hpp"
#include "protocol/api_error.hpp"
#include "protocol/chat_request.hpp"
#include "protocol/completion_request.hpp"
#include "protocol/json_text.hpp"

namespace lmf::api {
namespace {

using http::Responder;
using http::Response;

/// The service, or a 503 while there is none.
std::shared_ptr<Service> ready(const Surroundings& around) {
  auto service = around.place.get();
  if (!service)
    throw ApiError(503, error_type(503),
                   fmt::format("the model is being loaded, for {} s so far",
                               std::max<std::int64_t>(std::time(nullptr) - around.started, 0)),
                   {}, "loading");
  return service;
}

/// Runs `work`; an ApiError that it throws is the answer.
template <class Work>
void guarded(const Responder& responder, const Work& work) {
  try {
    work();
  } catch (const ApiError& error) {
    responder.send(error_response(error));
  } catch (const std::exception& error) {
    log::error("{} {} failed: {}", responder.request().method, responder.request().path, error.what());
    responder.send(error_response(ApiError(500, error_type(500), "the server failed to answer")));
  }
}

/// Not only for order: a page of another origin can send a request without asking first, but not with this type.
void require_json(const http::Request& request) {
  const auto type = request.field("content-type");
  const auto name = type.substr(0, type.find(';'));
  std::string lower;
  for (const char letter : name)
    if (letter != ' ') lower += static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
  if (lower != "application/json" && !lower.ends_with("+json"))
    throw ApiError(415, error_type(415),
                   fmt::format("the Content-Type is '{}', expected application/json", shortened(std::string(type))));
}

[[noreturn]] void refuse_model(const std::vector<ModelId>& served, const std::string& asked) {
  std::vector<std::string> names;
  for (const ModelId& model : served) names.push_back("'" + model.name + "'");
  throw ApiError(404, error_type(404),
                 fmt::format("there is no model '{}' here, but {}", shortened(asked), fmt::join(names, ", ")), "model",
                 "model_not_found");
}

/// Any name is the model's, unless there are several, of which another would answer otherwise.
ModelId chosen_model(const Surroundings& around, const std::string& asked) {
  const auto served = served_models(around.settings);
  for (const ModelId& model : served)
    if (model.name == asked) return model;
  const bool strict = around.settings.environment.strict_model || served.size() > 1;
  if (strict && !asked.empty()) refuse_model(served, asked);
  return served.front();
}

/// A POST whose answer is made on the service's bench.
http::Handler posted(const Surroundings& around,
                     std::function<void(Service&, const http::Request&, const Responder&)> answer) {
  return [&around, answer = std::move(answer)](const Responder& responder) {
    guarded(responder, [&] {
      require_json(responder.request());
      const auto service = ready(around);
      if (around.settings.environment.verbose)
        log::info("{} {}", responder.request().path, printable(responder.request().body));
      // Not the shared pointer: the bench is a part of the service.
      service->later(responder.request().body.size(), [&service = *service, responder, answer] {
        if (responder.gone()) return;
        guarded(responder, [&] { answer(service, responder.request(), responder); });
      });
    });
  };
}

void answer_chat(const Surroundings& around, Service& service, const http::Request& asked, const Responder& responder) {
  ChatRequest request = read_chat_request(asked.body, service.bounds());
  const ModelId model = chosen_model(around, request.fields.model);
  Generation::start(service, chat_plan(service, model, std::move(request)), responder);
}

void answer_completions(const Surroundings& around, Service& service, const http::Request& asked,
                        const Responder& responder) {
  CompletionRequest request = read_completion_request(asked.body, service.bounds());
  const ModelId model = chosen_model(around, request.fields.model);
  Generation::start(service, completion_plan(service, model, std::move(request)), responder);
}

void answer_embeddings(const Surroundings& around, Service& service, const http::Request& asked,
                       const Responder& responder) {
  const EmbeddingRequest request = read_embedding_request(asked.body, service.bounds());
  Reading::start(service, embedding_plan(service, chosen_model(around, request.model), request), responder);
}

void answer_scores(const Surroundings& around, Service& service, const http::Request& asked,
                   const Responder& responder) {
  const ScoreRequest request = read_score_request(asked.body);
  Reading::start(service, score_plan(service, chosen_model(around, request.model), request), responder);
}

std::string number_list(const std::vector<std::int32_t>& ids) { return fmt::format("[{}]", fmt::join(ids, ",")); }

void answer_tokenize(Service& service, const http::Request& asked, const Responder& responder) {
  const auto request = read_tokenize_request(asked.body);
  const auto ids = service.tokenizer().encode(request.text, request.add_special_tokens);
  std::string pieces;
  for (const auto id : ids) {
    if (!request.pieces) break;
    pieces += (pieces.empty() ? "" : ",") + json_string(service.tokenizer().token(id));
  }
  responder.send(Response::json(
      200, fmt::format(R"({{"tokens":{},"count":{},"max_model_len":{}{}}})", number_list(ids), ids.size(),
                       service.engine().context_tokens(), request.pieces ? R"(,"token_strs":[)" + pieces + "]" : "")));
}

void answer_detokenize(Service& service, const http::Request& asked, const Responder& responder) {
  const auto text = json_string(service.tokenizer().decode(read_detokenize_request(asked.body, service.bounds())));
  responder.send(Response::json(200, fmt::format(R"({{"content":{0},"prompt":{0}}})", text)));
}

void answer_template(Service& service, const http::Request& asked, const Responder& responder) {
  const Body body = Body::parse(asked.body);
  const auto conversation = read_conversation(body);
  const auto tools = read_tools(body, asked.body);
  const auto ids = encode_conversation(service.chat_template(), service.tokenizer(), conversation, tools.text);
  responder.send(
      Response::json(200, fmt::format(R"({{"prompt":{},"tokens":{},"count":{}}})",
                                      json_string(service.tokenizer().decode(ids)), number_list(ids), ids.size())));
}

std::string model_text(const Surroundings& around, const ModelId& model) {
  const std::string parent = model.adapter < 0 ? "" : R"(,"parent":)" + json_string(around.settings.served_name);
  return fmt::format(R"({{"id":{},"object":"model","created":{},"owned_by":"lmf"{}}})", json_string(model.name),
                     around.started, parent);
}

void answer_models(const Surroundings& around, const Responder& responder) {
  std::string list;
  for (const ModelId& model : served_models(around.settings))
    list += (list.empty() ? "" : ",") + model_text(around, model);
  responder.send(Response::json(200, R"({"object":"list","data":[)" + list + "]}"));
}

void answer_model(const Surroundings& around, const Responder& responder) {
  guarded(responder, [&] {
    const auto served = served_models(around.settings);
    const auto model = std::ranges::find(served, responder.request().tail, &ModelId::name);
    if (model == served.end()) refuse_model(served, responder.request().tail);
    responder.send(Response::json(200, model_text(around, *model)));
  });
}

void answer_health(const Surroundings& around, const Responder& responder) {
  guarded(responder, [&] {
    ready(around);
    responder.send(Response::json(200, R"({"status":"ok"})"));
  });
}

void answer_metrics(const Surroundings& around, const Responder& responder) {
  const auto service = around.place.get();
  responder.send(Response::text(200, around.metrics.text(service ? service->numbers() : EngineNumbers{}),
                                "text/plain; version=0.0.4; charset=utf-8"));
}

}  // namespace

Response error_response(const ApiError& error) {
  auto response = Response::json(error.status(), error.json());
  if (error.status() == 429 || error.status() == 503) response.fields.emplace_back("Retry-After", "1");
  return response;
}

http::Router make_router(const Surroundings& around) {
  http::Router router;
  const auto add = [&](const char* method, const std::string& path, const http::Handler& handler) {
    router.add(method, path, handler);
    router.add(method, "/v1" + path, handler);
  };
  add("POST", "/chat/completions", posted(around, [&](auto& service, const auto& asked, const auto& responder) {
        answer_chat(around, service, asked, responder);
      }));
  add("POST", "/completions", posted(around, [&](auto& service, const auto& asked, const auto& responder) {
        answer_completions(around, service, asked, responder);
      }));
  add("POST", "/tokenize", posted(around, answer_tokenize));
  add("POST", "/detokenize", posted(around, answer_detokenize));
  add("POST", "/apply-template", posted(around, answer_template));
  add("GET", "/models", [&](const Responder& responder) { answer_models(around, responder); });
  add("GET", "/models/*", [&](const Responder& responder) { answer_model(around, responder); });
  add("GET", "/health", [&](const Responder& responder) { answer_health(around, responder); });
  add("POST", "/score/evaluation", posted(around, [&](auto& service, const auto& asked, const auto& responder) {
        answer_scores(around, service, asked, responder);
      }));
  add("POST", "/embeddings", posted(around, [&](auto& service, const auto& asked, const auto& responder) {
        answer_embeddings(around, service, asked, responder);
      }));
  router.add("GET", "/metrics", [&](const Responder& responder) { answer_metrics(around, responder); });
  router.add("GET", "/openapi.json",
             [&](const Responder& responder) { responder.send(Response::json(200, around.openapi)); });
  router.add("GET", "/", [&](const Responder& responder) {
    responder.send(Response::text(
        200, fmt::format("lmf api serves {}. What it understands: /openapi.json\n", around.settings.served_name)));
  });
  return router;
}

}  // namespace lmf::api
