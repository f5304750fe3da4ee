// `lmf tokens FILE --model DIR`: counts the tokens of a data set, each row as `lmf train` would see it with this
// model's tokenizer and template, before anything is cut.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/host.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "config/options.hpp"
#include "data/prepare.hpp"
#include "lengths.hpp"
#include "lmf/plugin.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace {

namespace fs = std::filesystem;

struct Request {
  fs::path file, model;
  std::optional<std::string> chat_template;
  std::int64_t cutoff_len = 0;
  bool per_row = false;
};

Request read_request(const lmf::Invocation& call) {
  const auto fail = [](const std::string& text) {
    throw lmf::Error(text, "usage: lmf tokens FILE --model DIR", lmf::kExitUsage);
  };
  if (call.arguments.empty() || call.arguments[0][0] == '-') fail("expected the data file first");
  const auto table = lmf::config::OptionTable::of_plugin(call.host, "tokens");
  const auto read = lmf::config::read_options(table, call.arguments.subspan(1));
  lmf::config::throw_problems(read.problems);
  for (const std::string& note : read.notes) lmf::log::info("{}", note);
  const lmf::config::Options& options = read.options;
  Request request{call.arguments[0], options.text("model"), {}, options.integer("cutoff_len"), options.flag("per_row")};
  if (options.given("template")) request.chat_template = options.text("template");
  if (request.model.empty()) fail("expected --model and the folder of a model");
  return request;
}

/// A folder for the tokenised rows, which nobody needs afterwards.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "lmf-tokens-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw lmf::file_error("create", name, errno);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

lmf::data::TokenStore tokenise(const Request& request, const fs::path& share_directory, const fs::path& scratch) {
  auto tokenizer = lmf::text::Tokenizer::load(request.model);
  const auto chat_template =
      lmf::text::ChatTemplate::choose(share_directory, {.name = request.chat_template}, tokenizer);
  chat_template.repair(tokenizer);
  lmf::data::PrepareOptions options;
  options.datasets = {fs::absolute(request.file).string()};
  options.cutoff_len = std::numeric_limits<std::int32_t>::max();  // nothing is cut
  options.cache_directory = scratch;
  std::optional<lmf::Progress> progress;
  const auto report = lmf::data::prepare(options, tokenizer, chat_template, [&](std::int64_t done, std::int64_t total) {
    if (!progress) progress.emplace("tokenising", total);
    progress->update(done);
  });
  if (progress) progress->hide();
  for (const auto& dropped : report.dropped)
    lmf::log::warn("{} rows are not counted: {} (first: {})", dropped.count, dropped.reason, dropped.first_place);
  return lmf::data::TokenStore::open(report.store);
}

int run(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);  // lmf::log goes to lmf from here on
  const Request request = read_request(call);
  const Scratch scratch;
  const auto store = tokenise(request, call.host.share_directory, scratch.path());
  std::vector<std::int64_t> lengths;
  for (std::int64_t row = 0; row < store.size(); ++row) {
    lengths.push_back(store.length(row));
    if (request.per_row) std::printf("%s\t%lld\n", store.origin(row).c_str(), static_cast<long long>(lengths.back()));
  }
  std::fputs(tokens::summary(std::move(lengths), request.cutoff_len).c_str(), stdout);
  return lmf::kExitDone;
}

}  // namespace

LMF_PLUGIN(run)
