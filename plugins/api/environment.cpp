#include "environment.hpp"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/printable.hpp"
#include "base/trimmed.hpp"
#include "lmf/error.hpp"

namespace lmf::api {
namespace {

std::string value_of(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The parts between separators, without blanks around them; empty ones are left out.
void split(std::string_view text, char separator, std::vector<std::string>& parts) {
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (const auto part = trimmed(text.substr(0, end)); !part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool flag(const char* name) {
  const std::string value = value_of(name);
  if (value == "1" || value == "true" || value == "True" || value == "y" || value == "yes") return true;
  if (value.empty() || value == "0" || value == "false" || value == "False" || value == "n" || value == "no")
    return false;
  throw Error(fmt::format("{} is '{}', expected 1 or 0", name, shortened(value)), {}, kExitUsage);
}

std::optional<std::int64_t> number(const char* name, std::int64_t least, std::int64_t most) {
  const std::string value = value_of(name);
  if (value.empty()) return std::nullopt;
  std::int64_t parsed = 0;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (end.ec != std::errc{} || end.ptr != value.data() + value.size() || parsed < least || parsed > most)
    throw Error(fmt::format("{} is '{}', expected a whole number from {} to {}", name, shortened(value), least, most),
                {}, kExitUsage);
  return parsed;
}

std::vector<std::string> read_keys() {
  std::vector<std::string> keys;
  const std::string listed = value_of("API_KEY");
  split(listed, ',', keys);
  if (keys.empty() && !listed.empty())
    throw Error("API_KEY is set and has no key", "write keys with commas between them, or unset it to ask for none",
                kExitUsage);
  const std::string file = value_of("API_KEY_FILE");
  if (file.empty()) return keys;
  const std::size_t before = keys.size();
  split(read_file(file, std::uint64_t{1} << 20), '\n', keys);
  if (keys.size() == before)
    throw Error(fmt::format("API_KEY_FILE names {}, which has no key", file), "write one key on each of its lines",
                kExitUsage);
  return keys;
}

std::optional<http::TlsFiles> read_tls() {
  const std::string certificate = value_of("API_TLS_CERT"), key = value_of("API_TLS_KEY");
  if (certificate.empty() && key.empty()) return std::nullopt;
  if (certificate.empty() || key.empty())
    throw Error(fmt::format("{} is set and {} is not", certificate.empty() ? "API_TLS_KEY" : "API_TLS_CERT",
                            certificate.empty() ? "API_TLS_CERT" : "API_TLS_KEY"),
                "https needs both: the certificate with its chain, and its key, as PEM files", kExitUsage);
  return http::TlsFiles{certificate, key};
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.keys = read_keys();
  environment.host = value_of("API_HOST");
  environment.host_reason = "API_HOST";
  if (environment.host.empty()) {
    // Who reaches the port may use the machine, so that the network gets it only behind a key or by the user's word.
    environment.host = environment.keys.empty() ? "127.0.0.1" : "0.0.0.0";
    environment.host_reason = environment.keys.empty()
                                  ? "for this machine alone: API_KEY or API_HOST opens it to others"
                                  : "for other machines too, since a key is needed";
  }
  environment.port = static_cast<std::uint16_t>(number("API_PORT", 0, 65535).value_or(environment.port));
  environment.model_name = value_of("API_MODEL_NAME");
  environment.verbose = flag("API_VERBOSE");
  environment.open_metrics = flag("API_OPEN_METRICS");
  environment.strict_model = flag("API_STRICT_MODEL");
  environment.root_path = value_of("FASTAPI_ROOT_PATH");
  while (environment.root_path.ends_with('/')) environment.root_path.pop_back();
  if (!environment.root_path.empty() && environment.root_path.front() != '/')
    throw Error(fmt::format("FASTAPI_ROOT_PATH is '{}', expected a path that begins with '/'",
                            shortened(environment.root_path)),
                {}, kExitUsage);
  environment.concurrent = number("MAX_CONCURRENT", 1, 1024);
  environment.queue = number("API_MAX_QUEUE", 0, 1'000'000).value_or(environment.queue);
  environment.drain_seconds = number("API_DRAIN_SECONDS", 0, 86400).value_or(environment.drain_seconds);
  split(value_of("API_CORS_ORIGINS"), ',', environment.cors_origins);
  environment.tls = read_tls();
  environment.lf_compat = flag("LMF_LF_COMPAT");
  return environment;
}

}  // namespace lmf::api
