// Texts that are only read, by a model of one layer, and what their client hears when that fails; and what one hears
// before there is a model.
#include "reading.hpp"

#include <ctime>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "chat/speaking_model.hpp"
#include "http/stub_server.hpp"
#include "routes.hpp"

using namespace lmf;
using namespace lmf::api;

namespace {

struct Reader {
  Reader() {
    test::write_speaking_model(folder.path() / "model", "Hello");
    infer::ModelChoice choice;
    choice.model = (folder.path() / "model").string();
    choice.use_cpu = true;
    service.emplace(settings, metrics, infer::LoadedModel::load(choice, test::share()), "0");
  }

  test::RawAnswer read(std::size_t texts, const decltype(ReadingPlan::answer)& answer) {
    auto client = stub.client();
    client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    Reading::start(*service,
                   {.prompts = std::vector<std::vector<std::int32_t>>(texts, service->tokenizer().encode("Hello")),
                    .param = "input",
                    .answer = answer},
                   stub.asked());
    return client.answer();
  }

  test::TemporaryFolder folder;
  Settings settings;
  Metrics metrics;
  test::StubServer stub;
  std::optional<Service> service;
};

}  // namespace

TEST_CASE("whatever fails, the client hears of it in OpenAI's shape, and the next is served") {
  Reader reader;
  const auto fine = [](const std::vector<std::vector<float>>& states, std::int64_t) {
    return fmt::format("{}", states.size());
  };
  CHECK(reader.read(3, fine).body == "3");
  const auto failing = reader.read(3, [](const auto&, std::int64_t) -> std::string { throw std::bad_alloc(); });
  CHECK(failing.status == 500);
  CHECK(nlohmann::json::parse(failing.body)["error"]["type"] == "server_error");
  CHECK(reader.read(1, fine).body == "1");
}

TEST_CASE("A01: while the model is being loaded, /health says so, and for how long") {
  const Settings settings;
  Metrics metrics;
  ServicePlace place;
  const Surroundings around{
      .settings = settings, .metrics = metrics, .place = place, .openapi = {}, .started = std::time(nullptr) - 5000};
  const http::Server server({}, make_router(around));
  test::RawClient client(server.port());
  const auto answer = client.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").answer();
  CHECK(answer.status == 503);
  CHECK(answer.fields.contains("retry-after"));
  const auto error = nlohmann::json::parse(answer.body)["error"];
  CHECK(error["code"] == "loading");
  const std::string message = error["message"], begin = "the model is being loaded, for ";
  REQUIRE(message.starts_with(begin));
  CHECK(std::stol(message.substr(begin.size())) >= 5000);
}
