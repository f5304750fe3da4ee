#include "train/launch/agent/run_options.hpp"

#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/launch/agent/option_values.hpp"
#include "train/launch/agent/run_words.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/agent/worker.hpp"

namespace lmf::train::launch {
namespace {

namespace fs = std::filesystem;
using Backend = RendezvousOptions::Backend;

constexpr std::uint16_t kElasticPort = 29400;  // torchrun's

void read_nodes(const RunWords& words, RendezvousOptions& rendezvous) {
  const std::string text = words.text("nnodes");
  const std::vector<std::string> parts = split(text, ':');
  int minimum = 0, maximum = 0;
  const bool numbers = parts.size() <= 2 && parse_whole(parts.front(), minimum) && parse_whole(parts.back(), maximum);
  if (!numbers || minimum < 1 || maximum < minimum)
    refuse_value(fmt::format("{} is '{}', expected a number of nodes, or MIN:MAX with 1 <= MIN <= MAX",
                             words.origin("nnodes"), text));
  rendezvous.minimum_nodes = minimum;
  rendezvous.maximum_nodes = maximum;
}

void read_fixed(const RunWords& words, RendezvousOptions& rendezvous) {
  rendezvous.minimum_nodes = rendezvous.maximum_nodes;  // as torchrun does it
  rendezvous.node_rank = static_cast<int>(words.options.integer("node-rank"));
  if (*rendezvous.node_rank >= rendezvous.maximum_nodes)
    refuse_value(fmt::format("{} is {}, but there are {} nodes (--nnodes)", words.origin("node-rank"),
                             *rendezvous.node_rank, rendezvous.maximum_nodes),
                 "node ranks count from 0");
  rendezvous.backend = rendezvous.maximum_nodes == 1 ? Backend::local : Backend::fixed;
  Endpoint endpoint{words.text("master-addr"), static_cast<std::uint16_t>(words.options.integer("master-port"))};
  if (words.given("rdzv-endpoint"))
    endpoint = parse_endpoint(words.text("rdzv-endpoint"), words.origin("rdzv-endpoint"));
  if (endpoint.host.size() > 2 && endpoint.host.front() == '[')
    endpoint = parse_endpoint(endpoint.host, "--master-addr");
  if (endpoint.port == 0) endpoint.port = static_cast<std::uint16_t>(words.options.integer("master-port"));
  rendezvous.host = endpoint.host;
  rendezvous.port = endpoint.port;
}

void read_elastic(const RunWords& words, RendezvousOptions& rendezvous) {
  rendezvous.backend = Backend::elastic;
  if (!words.given("rdzv-endpoint"))
    refuse_value("--rdzv-backend c10d needs --rdzv-endpoint HOST:PORT, the same on every node",
                 "for one node, --standalone is enough");
  const Endpoint endpoint = parse_endpoint(words.text("rdzv-endpoint"), words.origin("rdzv-endpoint"));
  rendezvous.host = endpoint.host;
  rendezvous.port = endpoint.port == 0 ? kElasticPort : endpoint.port;
  if (words.given("node-rank")) rendezvous.node_rank = static_cast<int>(words.options.integer("node-rank"));
}

RendezvousOptions read_rendezvous(const RunWords& words) {
  RendezvousOptions rendezvous;
  read_nodes(words, rendezvous);
  rendezvous.run_id = words.text("rdzv-id");
  rendezvous.local_address = words.text("local-addr");
  rendezvous.settings = parse_settings(words.text("rdzv-conf"), words.origin("rdzv-conf"));
  const char* not_shared = std::getenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE");
  rendezvous.agent_store = not_shared == nullptr || std::string_view(not_shared) != "1";
  const char* identical = std::getenv("TORCH_ELASTIC_WORKER_IDENTICAL");
  rendezvous.identical_workers = identical != nullptr && std::string_view(identical) == "1";
  const std::string backend = words.text("rdzv-backend");
  if (backend != "static" && backend != "c10d")
    refuse_value(fmt::format("{} is '{}', expected static or c10d", words.origin("rdzv-backend"), backend));
  const bool one_node_and_nothing_said = backend == "static" && rendezvous.maximum_nodes == 1 &&
                                         !words.given("rdzv-endpoint") && !words.given("master-port");
  if (words.flag("standalone") || one_node_and_nothing_said) {
    rendezvous.minimum_nodes = rendezvous.maximum_nodes = 1;
    rendezvous.run_id = random_run_id();
  } else if (backend == "static") {
    read_fixed(words, rendezvous);
  } else {
    read_elastic(words, rendezvous);
  }
  return rendezvous;
}

/// "a,b,,c" is a and "b,c".
std::vector<std::string> parse_filters(const std::string& text) {
  std::vector<std::string> filters;
  std::string filter;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      filter += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      filter += text[i++];
    } else if (!filter.empty()) {
      filters.push_back(std::exchange(filter, {}));
    }
  }
  if (!filter.empty()) filters.push_back(std::move(filter));
  return filters;
}

LogSettings read_logs(const RunWords& words) {
  LogSettings logs;
  logs.redirects = LogSettings::parse_streams(words.text("redirects"), words.origin("redirects"));
  logs.tee = LogSettings::parse_streams(words.text("tee"), words.origin("tee"));
  logs.output_filters = parse_filters(words.text("duplicate-stdout-filters"));
  logs.error_filters = parse_filters(words.text("duplicate-stderr-filters"));
  if (words.given("local-ranks-filter")) {
    logs.shown.emplace();
    for (const std::string& part : split(words.text("local-ranks-filter"), ',')) {
      int rank = 0;
      if (!parse_whole(part, rank))
        refuse_value(fmt::format("{} is '{}', expected local ranks with commas between, such as 0,1",
                                 words.origin("local-ranks-filter"), words.text("local-ranks-filter")));
      logs.shown->insert(rank);
    }
  }
  if (const char* prefix = std::getenv("TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE")) logs.prefix = prefix;
  return logs;
}

/// Whoever says how long gets that for all.
void read_grace(const RunWords& words, AgentOptions& options) {
  const char* text = std::getenv(kGraceVariable);
  const bool by_variable = !words.given("shutdown-timeout") && text != nullptr && *text != '\0';
  options.grace = by_variable ? parse_grace(text) : milliseconds_of(words.options.number("shutdown-timeout"));
  if (by_variable || words.given("shutdown-timeout")) options.idle_grace.reset();
}

std::string python() {
  if (const char* named = std::getenv("PYTHON_EXEC"); named != nullptr && *named != '\0') return named;
  for (const char* name : {"python3", "python"})
    if (const std::string path = program_path(name); path != name) return path;
  refuse_value("there is no python3 on PATH to run this with", "set PYTHON_EXEC to one, or use --no-python");
}

/// torchrun gives everything to Python. Here a program that can be run by itself is, unless its name ends in .py.
bool wants_python(const RunWords& words, const std::string& program) {
  if (words.flag("no-python")) return false;
  if (words.flag("module") || words.flag("run-path") || program.ends_with(".py")) return true;
  const std::string path = program_path(program);
  return ::access(path.c_str(), X_OK) != 0 || fs::is_directory(path);
}

std::vector<std::string> read_program(const RunWords& words) {
  if (words.program.empty())
    refuse_value("run needs a program",
                 "usage: lmf run [OPTIONS] PROGRAM [ARGUMENTS]; `lmf help run` lists the options");
  if (words.flag("module") && (words.flag("no-python") || words.flag("run-path")))
    refuse_value("--module goes neither with --no-python nor with --run-path");
  const std::string& program = words.program.front();
  if (!wants_python(words, program)) return words.program;
  if (!words.flag("module") && !fs::exists(program))
    refuse_value(fmt::format("there is no program or Python script '{}'", program));
  std::vector<std::string> command = {python(), "-u"};
  if (words.flag("module")) command.push_back("-m");
  if (words.flag("run-path"))
    command.insert(
        command.end(),
        {"-c", "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"});
  command.insert(command.end(), words.program.begin(), words.program.end());
  return command;
}

void refuse_what_is_not_done(const RunWords& words) {
  if (words.given("numa-binding"))
    refuse_value(fmt::format("{} is not in this version", words.origin("numa-binding")),
                 "leave it out, or use numactl");
  if (words.text("logs-specs") != "default")
    refuse_value(fmt::format("{} names a Python class, which only torchrun can load", words.origin("logs-specs")));
}

}  // namespace

AgentOptions read_run_options(const fs::path& table, std::span<const char* const> arguments) {
  const RunWords words = read_run_words(table, arguments);
  refuse_what_is_not_done(words);
  AgentOptions options;
  options.words = read_program(words);
  options.name = words.program.front();
  options.substitute_local_rank = true;
  options.virtual_local_rank = words.flag("virtual-local-rank");
  options.workers = count_workers(words.text("nproc-per-node"), words.origin("nproc-per-node"));
  options.role = words.text("role");
  options.max_restarts = static_cast<int>(words.options.integer("max-restarts"));
  read_grace(words, options);
  const char* statuses = std::getenv(kStatusVariable);
  options.torchrun_statuses = wants_torchrun_statuses(statuses == nullptr ? "" : statuses);
  options.signals = parse_signals(words.text("signals-to-handle"), words.origin("signals-to-handle"));
  options.logs = read_logs(words);
  options.log_folder = words.text("log-dir");
  options.rendezvous = read_rendezvous(words);
  return options;
}

}  // namespace lmf::train::launch
